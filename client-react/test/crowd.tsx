import { useChannel } from "@belay/react";
import { type ReactElement, startTransition, useEffect, useLayoutEffect, useRef, useState } from "react";

const MEMBERS = Array.from({ length: 20 }, (_, index) => index);

/** Shows one channel many times, slowly and in transitions, and counts when a rendering shows it in two versions. */
export function Crowd({ channel }: { readonly channel: string }): ReactElement {
  const [turn, setTurn] = useState(0);
  const list = useRef<HTMLUListElement>(null);
  const [torn, setTorn] = useState(0);
  const { publications } = useChannel(channel);
  useEffect(() => {
    const timer = setInterval(() => startTransition(() => setTurn((before) => before + 1)), 5);
    return () => clearInterval(timer);
  }, []);
  useLayoutEffect(() => {
    const shown = new Set(Array.from(list.current?.children ?? [], (child) => child.textContent));
    if (shown.size > 1) setTorn((before) => before + 1);
  }, [turn, publications]);
  return (
    <>
      <output id="torn">{torn}</output>
      <output id="turn">{turn}</output>
      <ul ref={list}>
        {MEMBERS.map((member) => (
          <Member key={member} channel={channel} turn={turn} />
        ))}
      </ul>
    </>
  );
}

function Member({ channel }: { readonly channel: string; readonly turn: number }): ReactElement {
  const { publications } = useChannel(channel);
  const untilMs = performance.now() + 1;
  while (performance.now() < untilMs);
  return <li>{publications.length}</li>;
}
