/** The chat without a page: one client, one room at a time, told as events. */
import {
  type Client,
  type ClientOptions,
  createClient,
  type Publication,
  type StateName,
  UnauthorizedError,
} from "@belay/client";
import { channelView, presenceView } from "@belay/client/views";
import type { Access } from "./access.ts";
import { delivered, type Delivery, NOTHING_DELIVERED } from "./delivery.ts";
import { type ChatMessage, isChatMessage } from "./message.ts";

/** Channels and what is published in them. `typing:` is ephemeral: that somebody types is news for a moment only. */
interface Channels {
  readonly "room:*": ChatMessage;
  readonly "typing:*": Readonly<Record<string, never>>;
}

export interface Connection {
  readonly state: StateName;
  /** Why, where there is a why. */
  readonly detail: string;
  /** The gateway pod that holds the connection, by its UID. */
  readonly pod: string;
  readonly transport: string;
  /** Messages that are not acknowledged yet. */
  readonly waiting: number;
}

export interface ChatEvents {
  readonly onConnection: (connection: Connection) => void;
  /** All that is to be shown, the oldest first. */
  readonly onMessages: (messages: readonly Publication<ChatMessage>[]) => void;
  readonly onPeople: (users: readonly string[]) => void;
  readonly onTyping: (user: string) => void;
  readonly onDelivery: (delivery: Delivery) => void;
}

export interface Chat {
  readonly client: Client<Channels>;
  /** Leaves the room before. */
  enter(room: string): void;
  /** Without a connection it waits for one. Rejects when the gateway refuses the message. */
  say(text: string): Promise<void>;
  /** Tells the others, at most every 2 s. */
  type(): void;
  close(): void;
}

const TYPING_EVERY_MS = 2000;

/** `getAccess` throws {@link AccessRefused} where asking again is no use. */
export async function openChat(
  getAccess: () => Promise<Access>,
  events: ChatEvents,
  options: Pick<ClientOptions, "trace"> = {},
): Promise<Chat> {
  const access = await getAccess();
  const client = createClient<Channels>({
    ...options,
    endpoint: access.url,
    token: access.token,
    // Asked before a token ends.
    getToken: () => getToken(getAccess),
  });
  return new RoomChat(client, events);
}

class RoomChat implements Chat {
  readonly client: Client<Channels>;
  readonly #events: ChatEvents;
  readonly #visit = crypto.getRandomValues(new Uint32Array(2)).join("-");
  #said = 0;
  #room = "";
  #leaveRoom: () => void = () => undefined;
  #delivery = NOTHING_DELIVERED;
  #typedMs = 0;

  constructor(client: Client<Channels>, events: ChatEvents) {
    this.client = client;
    this.#events = events;
    client.on("state", () => this.#showConnection());
    client.connect();
  }

  enter(room: string): void {
    this.#leaveRoom();
    this.#room = room;
    const untyped = this.client as unknown as Client;
    const messages = channelView<ChatMessage>(untyped, `room:${room}`, {
      withHistory: true,
      joinLeave: true,
      onPublication: ({ data }) => this.#check(data),
    });
    const people = presenceView(untyped, `room:${room}`);
    const typing = channelView(untyped, `typing:${room}`, {
      limit: 1,
      onPublication: ({ info }) => info !== undefined && this.#events.onTyping(info.user),
    });
    const ends = [
      messages.listen(() => {
        this.#events.onMessages(messages.snapshot.publications.filter(({ data }) => isChatMessage(data)));
        this.#showConnection();
      }),
      people.listen(() => {
        this.#events.onPeople([...new Set(Array.from(people.snapshot.clients.values(), ({ user }) => user))].sort());
      }),
      typing.listen(() => undefined),
    ];
    this.#leaveRoom = () => {
      for (const end of ends) end();
    };
  }

  async say(text: string): Promise<void> {
    this.#said += 1;
    const message = { text, visit: this.#visit, n: this.#said, atMs: Date.now() };
    const taken = this.client.publish(`room:${this.#room}`, message);
    this.#showConnection();
    await taken.finally(() => this.#showConnection());
  }

  type(): void {
    const nowMs = Date.now();
    if (nowMs - this.#typedMs < TYPING_EVERY_MS) return;
    this.#typedMs = nowMs;
    // Nobody misses it when there is no connection.
    this.client.publish(`typing:${this.#room}`, {}, { whenOffline: "reject" }).catch(() => undefined);
  }

  close(): void {
    this.#leaveRoom();
    this.client.disconnect();
  }

  #check(message: unknown): void {
    if (!isChatMessage(message)) return;
    this.#delivery = delivered(this.#delivery, message, Date.now());
    this.#events.onDelivery(this.#delivery);
  }

  #showConnection(): void {
    const { state, node = "", connection, publishes } = this.client.inspect();
    this.#events.onConnection({
      state: state.name,
      detail: state.name === "closed" ? state.reason.message : "",
      pod: node,
      transport: connection?.transport ?? "",
      waiting: publishes.unacknowledged,
    });
  }
}

/** The server of tokens has said no. */
export class AccessRefused extends Error {
  constructor(problem: string) {
    super(problem);
    this.name = "AccessRefused";
  }
}

/** The SDK tries again after every error but its own UnauthorizedError. */
async function getToken(getAccess: () => Promise<Access>): Promise<string> {
  try {
    return (await getAccess()).token;
  } catch (error) {
    if (error instanceof AccessRefused) throw new UnauthorizedError(error.message);
    throw error;
  }
}
