import { typedHooks, useConnection } from "@belay/react";
import { type ReactElement, type SubmitEvent, useState } from "react";

export interface Message {
  readonly text: string;
}

const { useChannel, useHistory, usePresence } = typedHooks<{ "chat:*": Message }>();

/** One room: who is there, what was said, and a line to say something. */
export function Room({ name }: { readonly name: string }): ReactElement {
  const channel = `chat:${name}` as const;
  const connection = useConnection();
  const { clients } = usePresence(channel);
  const { publications, publish, state } = useChannel(channel, { withHistory: true, joinLeave: true });
  const [line, setLine] = useState("");
  const [problem, setProblem] = useState("");
  const say = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    publish({ text: line }).catch((error: Error) => setProblem(`not said: ${error.message}`));
    setLine("");
  };
  return (
    <section>
      <p role="status">
        {connection.name}, {state}, {clients.size} here
      </p>
      <ol>
        {publications.map(({ data, offset, info }) => (
          <li key={offset}>
            <b>{info?.user}</b> {data.text}
          </li>
        ))}
      </ol>
      <form onSubmit={say}>
        <input value={line} onChange={({ target }) => setLine(target.value)} aria-label="Message" autoComplete="off" />
        {problem}
      </form>
    </section>
  );
}

/** What was said before, asked for once. */
export function Archive({ name }: { readonly name: string }): ReactElement {
  const { publications, isLoading, reload } = useHistory(`chat:${name}`, { limit: 50, reverse: true });
  return (
    <aside>
      <button onClick={reload} disabled={isLoading}>
        again
      </button>
      <output>{publications.map(({ data }) => data.text).join(" ")}</output>
    </aside>
  );
}
