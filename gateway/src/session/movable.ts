/** A connection that its client may continue on another pod (E1), as the drain needs to know it. */
export interface Movable {
  /** Another pod owns the client: the socket here only waits to be closed. */
  readonly isMoved: boolean;
  /** Name and secret for one goaway; a secret that was given before is void. Undefined while another pod is taking the client, or has it. */
  offer(): SessionOffer | undefined;
  /** The drain was cancelled: what was offered is void, unless another pod is taking the client already. */
  withdraw(): void;
}

/** With what a client continues its connection elsewhere, once. */
interface SessionOffer {
  readonly session: string;
  readonly secret: string;
}
