/** How a connection is called. */
export interface ConnectionNames {
  /** A secret between the node and its client: whoever knows it may speak for the client where that speaks by POST. */
  readonly session: string;
  readonly logId: number;
}
