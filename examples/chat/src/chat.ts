/** The chat without a page: one channel on one connection, told as events. */
import { Centrifuge, UnauthorizedError } from "centrifuge";
import type { Access } from "./access.ts";
import { nodeOfConnectReply } from "./connect-reply.ts";

const CHANNEL = "chat";

export interface ChatMessage {
  readonly user: string;
  readonly text: string;
}

export interface ChatEvents {
  /** `detail` says why, where there is a why. */
  readonly onState: (state: "connecting" | "connected" | "disconnected", detail: string) => void;
  /** The gateway pod that holds the connection now. */
  readonly onNode: (node: string) => void;
  readonly onMessage: (message: ChatMessage) => void;
}

export interface Chat {
  /** Rejects when the gateway did not take the message. */
  say(text: string): Promise<void>;
  close(): void;
}

/** `getAccess` throws {@link AccessRefused} where asking again is no use. */
export async function openChat(getAccess: () => Promise<Access>, events: ChatEvents): Promise<Chat> {
  const access = await getAccess();
  class NodeWatchingSocket extends WebSocket {
    constructor(url: string | URL, protocols?: string | string[]) {
      super(url, protocols);
      this.addEventListener("message", ({ data }: MessageEvent<unknown>) => {
        const node = nodeOfConnectReply(data);
        if (node !== undefined) events.onNode(node);
      });
    }
  }
  const client = new Centrifuge(access.url, {
    websocket: NodeWatchingSocket,
    token: access.token,
    // Asked when a token has expired.
    getToken: () => getToken(getAccess),
  });
  client.on("connecting", ({ reason }) => events.onState("connecting", reason));
  client.on("disconnected", ({ reason }) => events.onState("disconnected", reason));
  const subscription = client.newSubscription(CHANNEL);
  // Only now does the page see what others say.
  subscription.on("subscribed", () => events.onState("connected", ""));
  subscription.on("publication", ({ data, info }) => {
    const text = (data as { readonly text?: unknown } | null)?.text;
    if (typeof text === "string") events.onMessage({ user: info?.user ?? "", text });
  });
  subscription.subscribe();
  client.connect();
  return {
    say: async (text) => {
      await subscription.publish({ text });
    },
    close: () => client.disconnect(),
  };
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
