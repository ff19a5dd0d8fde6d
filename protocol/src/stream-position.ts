/** A place in a channel's order. */
export interface StreamPosition {
  readonly offset: number;
  readonly epoch: string;
}
