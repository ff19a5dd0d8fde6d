import type { Command } from "../src/messages.ts";
import type { MemorySocket } from "./memory-network.ts";

/** One client's connection on a pod. */
export class ModelConnection {
  readonly client: string;
  readonly session: string;
  readonly socket: MemorySocket;
  secret: string | undefined;
  /** By channel, how far this connection has been served. */
  readonly subs = new Map<string, number>();
  /** Commands held while another pod takes over. */
  held: Command[] | undefined;
  takenBy: ModelConnection | undefined;
  /** Whose place it is about to take. */
  taking: ModelConnection | undefined;
  /** When its pod closes it: it is another's now. */
  endsMs = Infinity;
  isOver = false;
  lostMs: number | undefined;

  constructor(socket: MemorySocket, client: string, session: string) {
    this.socket = socket;
    this.client = client;
    this.session = session;
  }
}
