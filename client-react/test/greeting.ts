import { useChannel, useConnection, useHistory, usePresence } from "@belay/react";
import { createElement, type ReactElement } from "react";

/** Everything in one line. */
export function Greeting(): ReactElement {
  const { name } = useConnection();
  const { state, publications } = useChannel("chat:x");
  const { clients } = usePresence("chat:x");
  const { isLoading } = useHistory("chat:x");
  const line = [
    name,
    state,
    `${publications.length} publications`,
    `${clients.size} clients`,
    isLoading ? "loading" : "",
  ];
  return createElement("p", {}, line.join(", "));
}
