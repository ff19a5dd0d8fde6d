/** Finds out for another node which clients of this one are there (LIM21). */
import { CLOSE } from "@belay/protocol";
import { z } from "zod";
import type { Hub } from "../hub/hub.ts";
import type { NodeBus } from "../node/node-bus.ts";
import { CHALLENGE, CHALLENGE_MS } from "../node/user-connections.ts";
import type { ClientConnection, Takeovers } from "./services.ts";

/** Answers are looked for this often: most come at once, and a client waits for the outcome. */
const LOOK_MS = 20;

export interface ChallengeOptions {
  readonly bus: NodeBus;
  readonly hub: Pick<Hub<ClientConnection>, "clientsOf">;
  readonly takeovers: Pick<Takeovers, "awayOf">;
}

const challenge = z.object({ user: z.string(), clients: z.array(z.string()).max(10_000) });

interface Challenged {
  readonly connection: ClientConnection;
  /** Frames of the client before the ping. */
  readonly heard: number;
}

export function obeyChallenges({ bus, hub, takeovers }: ChallengeOptions): void {
  bus.on(CHALLENGE, async (body) => {
    const asked = challenge.safeParse(body).data;
    if (asked === undefined) return { alive: [] };
    const wanted = new Set(asked.clients);
    const challenged = hub
      .clientsOf(asked.user)
      .filter(({ client }) => wanted.has(client))
      .map((connection): Challenged => ({ connection, heard: connection.framesReceived }));
    for (const { connection } of challenged) if (!connection.socket.isUnidirectional) connection.ping();
    await answered(challenged);
    for (const one of challenged) if (!isThere(one)) one.connection.close(CLOSE.noPong);
    // A place that is kept is taken, until its time is over (HND8).
    const kept = takeovers
      .awayOf(asked.user)
      .flatMap(({ entry, isKept }) => (isKept && wanted.has(entry.client) ? [entry.client] : []));
    return { alive: [...kept, ...challenged.filter(isThere).map(({ connection }) => connection.client)] };
  });
}

/** One who only listens cannot answer: its open socket is all there is to go by. */
function isThere({ connection, heard }: Challenged): boolean {
  return connection.isOpen && (connection.socket.isUnidirectional || connection.framesReceived > heard);
}

function answered(challenged: readonly Challenged[]): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let looks = 0;
  const look = setInterval(() => {
    looks += 1;
    const isOver = looks * LOOK_MS >= CHALLENGE_MS;
    if (!isOver && challenged.some((one) => one.connection.isOpen && !isThere(one))) return;
    clearInterval(look);
    resolve();
  }, LOOK_MS);
  return promise;
}
