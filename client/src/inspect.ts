import { given } from "./json-fields.ts";
import type { Link } from "./link.ts";
import type { ConnectResult, StreamPosition } from "./messages.ts";
import type { Publisher } from "./publisher.ts";
import type { State } from "./state.ts";
import type { Subscription, SubscriptionStateName } from "./subscription.ts";

/** A client at one moment, as plain values. */
export interface Inspection {
  readonly state: State;
  readonly client?: string;
  readonly node?: string;
  /** What the server granted last. */
  readonly extensions?: readonly string[];
  readonly connection?: ConnectionInspection;
  readonly channels: readonly ChannelInspection[];
  readonly publishes: { readonly unacknowledged: number; readonly waiting: number; readonly waitingBytes: number };
}

export interface ConnectionInspection {
  readonly transport: string;
  readonly bufferedAmount: number;
  /** Commands without an answer yet. */
  readonly pending: number;
}

export interface ChannelInspection {
  readonly channel: string;
  readonly state: SubscriptionStateName;
  readonly position?: StreamPosition;
}

export interface Inspected {
  readonly state: State;
  readonly link: Link | undefined;
  readonly result: ConnectResult | undefined;
  readonly channels: Iterable<Subscription>;
  readonly publisher: Publisher;
}

export function inspect({ state, link, result, channels, publisher }: Inspected): Inspection {
  const { count, bytes } = publisher.waiting;
  return given({
    state,
    client: result?.client,
    extensions: result && Object.keys(result.belay ?? {}),
    node: result?.node,
    connection: link && inspectLink(link),
    channels: Array.from(channels, inspectChannel),
    publishes: { unacknowledged: publisher.size, waiting: count, waitingBytes: bytes },
  });
}

function inspectLink({ transportName, bufferedAmount, pendingCount }: Link): ConnectionInspection {
  return { transport: transportName, bufferedAmount, pending: pendingCount };
}

function inspectChannel({ channel, state, position }: Subscription): ChannelInspection {
  return given({ channel, state: state.name, position });
}
