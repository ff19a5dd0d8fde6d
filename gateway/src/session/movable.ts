import type { SocketEnd } from "./handover.ts";

/** A connection that its client may continue on another pod (E1), as the drain needs to know it. */
export interface Movable {
  /** Another pod owns the client: the socket here only waits to be closed. */
  readonly isMoved: boolean;
  /** Name and secret for one goaway; a secret that was given before is void. Undefined while another pod is taking the client. */
  offer(): SessionOffer | undefined;
  /** The drain was cancelled: what was offered is void, unless another pod is taking the client already. */
  withdraw(): void;
}

/** With what a client continues its connection elsewhere, once. */
export interface SessionOffer {
  readonly session: string;
  readonly secret: string;
}

/** What an order of the server API says, as nodes tell each other. */
export interface KeptOrder {
  readonly kind: string;
  readonly body: unknown;
}

/** The end of a connection that may leave, as the connection and its handlers need to know it. */
export interface Leaving extends Movable {
  /** There is no socket, and the place is kept. */
  readonly isKept: boolean;
  /** For the connect reply: what continues the connection after its socket was lost, and for how long. */
  readonly resume: SessionOffer & { readonly resumeMs: number };
  /** The socket ends. Whether entry and presence are somebody else's business from now on. */
  end(how: SocketEnd): boolean;
  /** Another pod has, or may have, the client: it is told. False where the order is to be carried out here. */
  keep(order: KeptOrder): boolean;
  /** Somebody else has the client, by the registry's word. */
  supersede(): void;
}

/** How long each end of a handover waits, milliseconds. */
export interface TakeoverTiming {
  /** From the connect reply to the client's word that it has moved. Default 15,000. */
  readonly moveMs: number;
  /** From the snapshot to the other pod's word that it has committed; more than `moveMs`. Default 20,000. */
  readonly takeMs: number;
}

/** What became of a connection that was to be continued here. */
export type ArrivalResult = "moved" | "resumed" | "refused" | "rolled_back";

/** The end of a connection that came, or is coming, from elsewhere. */
export interface Coming {
  /** This pod owns the client. */
  readonly isOwner: boolean;
  /** The client says that it has gone over. False: it has not, this connection is of no use. Rejects with BrokerUnavailableError. */
  moved(): Promise<boolean>;
  /** The socket ends. */
  end(): void;
}
