/** A publication whose data is the number of the message. */
export interface Publication {
  readonly offset: number;
  readonly data: number;
}

/** The reply to subscribe in a channel of them. */
export interface SubscribeResult {
  readonly epoch: string;
  readonly offset?: number;
  readonly recovered?: boolean;
  readonly publications?: readonly Publication[];
}
