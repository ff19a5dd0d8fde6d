import type { Broker, BrokerPublication, Position, PresenceEvent } from "@belay/gateway/internal";
import { afterAll, beforeAll } from "vitest";
import { eventually } from "./eventually.ts";

/** What a broker is made on, for the contract. */
export interface BrokerMedium extends AsyncDisposable {
  /** A broker that is not started; other nodes send to it as `nodeId`. */
  open(nodeId?: string): Broker;
}

/** A medium that can be away. */
export interface LosableBrokerMedium extends BrokerMedium {
  /** Takes the medium away. */
  leave(): Promise<void>;
  /** Brings it back, without its data. */
  comeBack(): Promise<void>;
}

export interface BrokerSubject {
  readonly name: string;
  /** Nodes that can share the medium; with 1, both ends of every test are the same broker. */
  readonly nodes: 1 | 2;
  readonly openMedium: () => Promise<BrokerMedium>;
}

/** A started broker and everything it reported. */
export class BrokerNode implements AsyncDisposable {
  readonly broker: Broker;
  readonly publications: BrokerPublication[] = [];
  readonly presenceEvents: PresenceEvent[] = [];
  readonly messages: string[] = [];
  readonly connected: boolean[] = [];
  /** Each says of a channel whether it was affected. */
  readonly gaps: ((channel: string) => boolean)[] = [];

  constructor(broker: Broker) {
    this.broker = broker;
  }

  async start(): Promise<this> {
    await this.broker.start({
      onPublication: (publication) => void this.publications.push(publication),
      onPresenceEvent: (event) => void this.presenceEvents.push(event),
      onNodeMessage: (message) => void this.messages.push(message.toString()),
      onConnected: (connected) => void this.connected.push(connected),
      onGap: (isAffected) => void this.gaps.push(isAffected),
    });
    return this;
  }

  of(channel: string): readonly BrokerPublication[] {
    return this.publications.filter((publication) => publication.channel === channel);
  }

  texts(channel: string): readonly string[] {
    return this.of(channel).map(({ data }) => data.toString());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.broker.close();
  }
}

/** Two started nodes on one medium, for the tests of one `describe`. */
export interface BrokerPair {
  readonly medium: BrokerMedium;
  readonly here: BrokerNode;
  readonly there: BrokerNode;
  /** A channel that no other test uses. */
  readonly fresh: () => string;
}

let channels = 0;

/** Opens the pair before the tests of the surrounding `describe` and closes it after them. */
export function openPair({ nodes, openMedium }: BrokerSubject): () => BrokerPair {
  let pair: BrokerPair | undefined;
  beforeAll(async () => {
    const medium = await openMedium();
    const here = await new BrokerNode(medium.open("here")).start();
    const there = nodes === 1 ? here : await new BrokerNode(medium.open("there")).start();
    await eventually("connected", 5_000, () => here.broker.connected && there.broker.connected);
    pair = { medium, here, there, fresh: () => `chat:${(channels += 1)}` };
  });
  afterAll(async () => {
    await pair?.here[Symbol.asyncDispose]();
    await pair?.there[Symbol.asyncDispose]();
    await pair?.medium[Symbol.asyncDispose]();
  });
  return () => {
    if (pair === undefined) throw new Error("the pair is opened before the first test");
    return pair;
  };
}

export async function publishText(broker: Broker, channel: string, text: string): Promise<readonly [string, Position]> {
  return [text, (await broker.publish({ channel, data: Buffer.from(text) })).position];
}
