import type { Client } from "./client.ts";
import type { State } from "./state.ts";
import { LiveView, type View } from "./view.ts";

/** The client's state. Listening neither connects nor disconnects. */
export function connectionView(client: Client): View<State> {
  return new LiveView<State>(client.state, (change) => {
    change(() => client.state);
    return client.on("state", (state) => change(() => state));
  });
}
