/** Closes what this node still has of clients that are with a newer owner (RG21). */
import { CLOSE } from "@belay/protocol";
import { z } from "zod";
import type { Hub } from "../hub/hub.ts";
import type { NodeBus } from "../node/node-bus.ts";
import type { Registry, RegistryEntry, RegistryEvents } from "../registry/registry.ts";
import type { ClientConnection, Takeovers } from "./services.ts";

export interface TakeoverOptions {
  readonly bus: NodeBus;
  readonly hub: Pick<Hub<ClientConnection>, "clientsOf">;
  readonly registry: Pick<Registry, "lease">;
  readonly takeovers: Pick<Takeovers, "awayOf">;
}

const TAKEN_OVER = "taken-over";
const takenOver = z.object({ user: z.string(), client: z.string(), term: z.string() });

/** The newer owner has presence too. */
function giveWay(connection: ClientConnection): void {
  connection.handover?.supersede();
  connection.close(CLOSE.supersededOwner);
}

/** What to do when the registry finds that two nodes believe that they hold one client. */
export function takeoverEvents({
  bus,
  hub,
  registry,
  takeovers,
}: TakeoverOptions): Required<Pick<RegistryEvents, "onSuperseded" | "onTakenOver">> {
  const close = ({ user, client }: RegistryEntry): void => {
    for (const one of hub.clientsOf(user)) if (one.client === client) giveWay(one);
    for (const away of takeovers.awayOf(user)) if (away.entry.client === client) away.supersede();
  };
  bus.on(TAKEN_OVER, (body) => {
    const told = takenOver.safeParse(body).data;
    // The message may be late: this node may have a newer lease since.
    if (told !== undefined && Number(registry.lease?.term ?? 0) < Number(told.term)) close(told);
  });
  return {
    onSuperseded: close,
    onTakenOver: ({ user, client, winner }, formerPodUid) => {
      // A node that cannot be told finds out when it writes the entry again.
      bus.tell(formerPodUid, TAKEN_OVER, { user, client, term: winner.term }).catch(() => undefined);
    },
  };
}
