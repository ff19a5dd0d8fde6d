import { CLOSE } from "@belay/protocol";
import type { ClientConnection } from "../handlers/services.ts";

/** What a client gets to answer; the pod that asks waits longer. */
const ANSWER_MS = 1_000;
const LOOK_MS = 20;

/** Somebody says that this socket is lost: a client that is there says otherwise, and one that is not is closed. */
export function closeIfLost(connection: ClientConnection): Promise<void> {
  const heard = connection.framesReceived;
  connection.ping();
  const { promise, resolve } = Promise.withResolvers<void>();
  let looks = 0;
  const look = setInterval(() => {
    looks += 1;
    const isThere = connection.framesReceived > heard;
    const isOver = looks * LOOK_MS >= ANSWER_MS;
    if (connection.isOpen && !isThere && !isOver) return;
    clearInterval(look);
    if (!isThere) connection.close(CLOSE.noPong);
    resolve();
  }, LOOK_MS);
  return promise;
}
