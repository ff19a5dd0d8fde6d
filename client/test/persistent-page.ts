/** A page whose client outlives it. A test calls the functions of `page`. */
import { createClient } from "../src/create-client.ts";
import { networkTransportMemory, openPersistence } from "../src/persistence.ts";

const shown: unknown[] = [];
let publish: (data: unknown) => Promise<void> = () => Promise.reject(new Error("not started"));
let flush: () => Promise<void> = () => Promise.resolve();
let transport: () => string | undefined = () => undefined;

async function start(endpoint: string, name: string): Promise<void> {
  const store = await openPersistence(name);
  const client = createClient({ endpoint, store, transportMemory: networkTransportMemory() });
  const channel = client.channel("kept", { isResumed: true });
  channel.on("publication", ({ data }) => shown.push(data));
  channel.on("reset", ({ reason }) => shown.push(`reset: ${reason}`));
  channel.subscribe();

  client.connect();
  publish = (data) => client.publish("kept", data);
  flush = () => store.flush();
  transport = () => {
    const { state, connection } = client.inspect();
    return state.name === "connected" ? connection?.transport : undefined;
  };
}

Object.assign(globalThis, {
  page: {
    start,
    say: (data: unknown) => void publish(data).catch(() => undefined),
    flush: () => flush(),
    shown: () => shown,
    transport: () => transport(),
  },
});
