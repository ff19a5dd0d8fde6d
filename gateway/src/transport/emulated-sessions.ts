import type { ResponseSocket } from "./response-socket.ts";

/** The sessions of this node whose clients speak through POST /emulation, by the name that only their client was told. */
export class EmulatedSessions {
  readonly #sockets = new Map<string, ResponseSocket>();

  get size(): number {
    return this.#sockets.size;
  }

  add(session: string, socket: ResponseSocket): void {
    this.#sockets.set(session, socket);
  }

  remove(session: string): void {
    this.#sockets.delete(session);
  }

  /** Hands a frame to a session, in the order of calls. False when there is no such session, or it takes nothing more. */
  accept(session: string, frame: Buffer): Promise<boolean> | boolean {
    return this.#sockets.get(session)?.accept(frame) ?? false;
  }
}
