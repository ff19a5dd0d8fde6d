import { expect, test } from "vitest";
import { BrokerUnavailableError } from "../broker/broker.ts";
import { type EmulationOutcome, EmulationRouter, isEmulationAddress } from "./emulation.ts";
import type { NodeBus } from "./node-bus.ts";

const SESSION = "0b0ff1ce-0000-4000-8000-000000000001";

function away(): Promise<never> {
  return Promise.reject(new BrokerUnavailableError("away"));
}

/** Nodes that hear each other directly. */
class Wire {
  readonly asked: { node: string; timeoutMs: number }[] = [];
  readonly #listeners = new Map<string, (body: unknown) => unknown>();

  bus(nodeId: string): NodeBus {
    return {
      tell: () => Promise.resolve(),
      ask: async (node, _, body, timeoutMs) => {
        this.asked.push({ node, timeoutMs });
        return this.#listeners.get(node)?.(JSON.parse(JSON.stringify(body)));
      },
      on: (_, listener) => void this.#listeners.set(nodeId, (body) => listener(body, "")),
    };
  }
}

function router(wire: Wire, nodeId: string, { live = ["a", "b"], sessions = [] as readonly string[] } = {}) {
  const frames: string[] = [];
  const made = new EmulationRouter({
    nodeId,
    bus: wire.bus(nodeId),
    accept: (session, frame) => {
      if (!sessions.includes(session)) return false;
      frames.push(frame.toString());
      return true;
    },
    isLive: (node) => Promise.resolve(live.includes(node)),
  });
  const send = (node: string, session = SESSION, data = "{}"): Promise<EmulationOutcome> =>
    made.route({ node, session, data: Buffer.from(data) });
  return { send, frames };
}

test("[EMU1] any node takes a frame, and the owner has it before the answer", async () => {
  const wire = new Wire();
  const owner = router(wire, "a", { sessions: [SESSION] });
  const other = router(wire, "b");
  expect(await owner.send("a", SESSION, "1")).toBe("accepted");
  expect(await other.send("a", SESSION, "é 2")).toBe("accepted");
  expect(owner.frames).toEqual(["1", "é 2"]);
  expect(other.frames).toEqual([]);
});

test("[EMU2] a session that is gone from its node, and a node that is gone", async () => {
  const wire = new Wire();
  const here = router(wire, "a");
  router(wire, "b");
  expect(await here.send("a")).toBe("gone");
  expect(await here.send("b")).toBe("gone");
  expect(await here.send("c")).toBe("gone");
});

test("[EMU2] a node that lives and does not answer, and a broker that is away: nobody knows", async () => {
  const wire = new Wire();
  expect(await router(wire, "a").send("b")).toBe("unreachable");
  const cut = new EmulationRouter({
    nodeId: "a",
    bus: { tell: away, ask: away, on: () => undefined },
    accept: () => true,
    isLive: away,
  });
  expect(await cut.route({ node: "b", session: SESSION, data: Buffer.from("{}") })).toBe("unreachable");
});

test.each(["all", "", "*", "a b", "a:b", "a}b", "../a", "a\n", "a".repeat(65), "ä"])(
  "[EMU3] node %j is never asked",
  async (node) => {
    const wire = new Wire();
    expect(isEmulationAddress({ node, session: SESSION, data: Buffer.alloc(0) })).toBe(false);
    expect(await router(wire, "a").send(node)).toBe("gone");
    expect(wire.asked).toEqual([]);
  },
);

test("[EMU3] a stranger among the nodes is sent nothing", async () => {
  const wire = new Wire();
  const here = router(wire, "a");
  await here.send("made-up");
  await here.send("b");
  expect(wire.asked).toEqual([{ node: "b", timeoutMs: 3000 }]);
});

test.each([undefined, null, 1, "x", [], {}, { session: SESSION }, { session: 1, frame: "" }])(
  "[EMU3] %j from another node is no frame",
  async (body) => {
    let listener: ((body: unknown, from: string) => unknown) | undefined;
    const accepted: string[] = [];
    const bus: NodeBus = {
      tell: () => Promise.resolve(),
      ask: () => Promise.resolve(undefined),
      on: (_, heard) => void (listener = heard),
    };
    const accept = (session: string): boolean => accepted.push(session) > 0;
    const made = new EmulationRouter({ nodeId: "a", bus, accept, isLive: () => Promise.resolve(false) });
    expect(await listener?.(body, "b")).toBe(false);
    expect(accepted).toEqual([]);
    expect(made).toBeDefined();
  },
);
