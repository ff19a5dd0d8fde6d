/** How a socket ended, and what that means for what its client has in the cluster. */
import { CLOSE, type CloseReason } from "@belay/protocol";
import type { ClientConnection, Services } from "../handlers/services.ts";
import type { SocketEnd } from "../session/handover.ts";

/** RFC 6455: no close frame came. */
const NO_CLOSE_FRAME = 1006;
/** The network or the pod is to blame: the client is expected back. */
const BLAMELESS: ReadonlySet<number> = new Set([CLOSE.shutdown, CLOSE.noPong, CLOSE.slow].map(({ code }) => code));

export function endByPeer(code: number): SocketEnd {
  return code === NO_CLOSE_FRAME ? "lost" : "closed";
}

export function endByServer({ code }: CloseReason): SocketEnd {
  return BLAMELESS.has(code) ? "lost" : "ordered";
}

/** The client is not on this node any more. Its entry and presence may be kept for it, or be another pod's. */
export function leaveNode(
  connection: ClientConnection,
  how: SocketEnd,
  { hub, registry, admission }: Pick<Services, "hub" | "registry" | "admission">,
): void {
  const { identity, arrival, handover, socket } = connection;
  const isOwner = arrival?.isOwner ?? true;
  arrival?.end();
  const isKept = handover?.end(isOwner ? how : "ordered") ?? false;
  if (identity === undefined) return;
  hub.removeClient(connection);
  admission.remove(socket.remoteAddress);
  if (isOwner && !isKept) registry.remove({ user: identity.user, client: identity.client });
}
