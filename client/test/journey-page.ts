/** A page that publishes and listens. A test calls the functions of `page`. */
import { createClient } from "../src/create-client.ts";
import { createOverlay } from "../src/overlay.ts";
import type { TraceEvent } from "../src/trace.ts";

const shown: Record<string, unknown[]> = {};
const states: string[] = [];
const lines: string[] = [];
const failures: string[] = [];

function note(event: TraceEvent): void {
  const { atMs, type, ...rest } = event;
  if (type === "frame") return;
  const time = new Date(atMs).toISOString().slice(14, 23);
  lines.push(`${time} ${type} ${JSON.stringify(rest).slice(0, 120)}`);
}

function start(endpoint: string, token: string): void {
  const overlay = createOverlay();
  const trace = (event: TraceEvent): void => {
    overlay.trace(event);
    note(event);
  };
  // Nothing is to be given up while the machine sleeps.
  const client = createClient({ endpoint, token, trace, queue: { maxAgeMs: 600_000 } });
  for (const name of ["kept:feed", "kept:own"]) {
    const channel = client.channel(name);
    const row = (shown[name] = [] as unknown[]);
    channel.on("publication", ({ data }) => row.push(data));
    channel.on("reset", ({ reason }) => row.push(`reset: ${reason}`));
    channel.subscribe();
  }
  client.on("state", ({ name }) => states.push(name));
  client.connect();
  overlay.show(client);
  Object.assign(globalThis, {
    page: {
      shown: (name: string) => shown[name],
      states: () => states,
      subscribed: () => client.inspect().channels.filter(({ state }) => state === "subscribed").length,
      lines: () => lines,
      failures: () => failures,
      say: (data: unknown) =>
        void client.publish("kept:own", data).catch((error: unknown) => failures.push(String(error))),
      where: () => {
        const { state, node, connection } = client.inspect();
        return `${state.name} ${connection?.transport ?? "-"} ${node ?? "-"}`;
      },
    },
  });
}

Object.assign(globalThis, { start });
