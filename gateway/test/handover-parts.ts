/** What the parts of the handover model know of each other. */
import type { Arrival, ArrivalEvent, Departure, DepartureEvent } from "../src/session/handover.ts";

export const CHANNELS = ["kept", "plain"] as const;
export type Channel = (typeof CHANNELS)[number];
/** The server ends a subscription, or sends the client away. */
export type ModelOrder = Channel | "disconnect";
type Places = Readonly<Partial<Record<Channel, number>>>;

export class ModelPod {
  readonly name: string;
  isAlive = true;
  knowsRevocation = false;
  readonly connections = new Set<PodConnection>();
  /** Clients whose members this pod adds again and again. */
  readonly members = new Set<string>();

  constructor(name: string) {
    this.name = name;
  }
}

export interface ModelOwnership {
  readonly pod: ModelPod;
  readonly generation: number;
}

export interface SessionSecret {
  readonly session: PodConnection;
  readonly secret: object;
}

/** What is told to the pod that takes a client. */
export interface ModelSnapshot {
  readonly client: string;
  readonly from: ModelOwnership;
  readonly isResumed: boolean;
  readonly channels: readonly Channel[];
}

export interface ModelTaker {
  readonly takeover: string;
  readonly pod: ModelPod;
  readonly secret: object;
  /** An order that came too late for the snapshot. */
  readonly forward: (order: ModelOrder) => void;
}

interface PodDeparture {
  readonly state: Departure;
  readonly resumeSecret: object;
  /** The client is another pod's. */
  readonly hasLetGo: boolean;
  readonly isAway: boolean;
  take(taker: ModelTaker): ModelSnapshot | undefined;
  keep(order: ModelOrder): boolean;
  step(event: DepartureEvent): void;
}

interface PodArrival {
  readonly state: Arrival;
  hold(client: string, order: ModelOrder): void;
  step(event: ArrivalEvent): void;
}

/** What a pod says to the client. */
export type FromPod =
  | {
      readonly kind: "connected";
      readonly client: string;
      readonly places: Places;
      readonly isMoved: boolean;
      readonly resume: SessionSecret;
    }
  | { readonly kind: "publication"; readonly channel: Channel; readonly offset: number }
  | { readonly kind: "goaway"; readonly offer: SessionSecret }
  | { readonly kind: "unsubscribed"; readonly channel: Channel }
  | { readonly kind: "barrier"; readonly behind: readonly Channel[] }
  | { readonly kind: "moved"; readonly isDone: boolean }
  | { readonly kind: "closed"; readonly isFinal: boolean };

/** What the client says to a pod. */
export type FromClient =
  | {
      readonly kind: "connect";
      readonly continued: SessionSecret | undefined;
      readonly positions: Readonly<Record<Channel, number>>;
      readonly channels: readonly Channel[];
    }
  | { readonly kind: "barrier"; readonly places: Places }
  | { readonly kind: "moved" }
  | { readonly kind: "close" };

interface PodLink {
  toClient(message: FromPod): void;
  breakFromPod(): void;
}

/** One connection on one pod. */
export interface PodConnection {
  readonly pod: ModelPod;
  readonly link: PodLink;
  readonly client: string;
  readonly isOpen: boolean;
  readonly isOwner: boolean;
  readonly departure: PodDeparture | undefined;
  readonly arrival: PodArrival | undefined;
  /** Place up to which each channel was handed out. */
  readonly subscriptions: Map<Channel, number>;
  generation: number;
  /** Whatever ends it removes its member and tells others. */
  hasMarks: boolean;
  onMessage(message: FromClient): void;
  open(channels: readonly Channel[]): void;
  accept(snapshot: ModelSnapshot): void;
  beginFresh(): void;
  hear(channel: Channel, offset: number): void;
  goaway(): void;
  obey(order: ModelOrder): void;
  unsubscribe(channel: Channel): void;
  close(isFinal: boolean): void;
  end(how: "lost" | "closed" | "ordered"): void;
}
