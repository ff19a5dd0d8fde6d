import { type GatewayAccess, TestClient } from "@belay/testkit";
import { SignJWT } from "jose";
import type { GatewayConfig } from "@belay/protocol/control";

export const INBOX_CONFIG: GatewayConfig = {
  inbox: { enabled: true },
  channels: { namespaces: [{ name: "inbox", inbox: true, allow: { publish: "authenticated" } }] },
};

export function tokenOf(gateway: GatewayAccess, user: string, claims: object = {}): Promise<string> {
  return new SignJWT({ sub: user, ...claims })
    .setProtectedHeader({ alg: "HS256" })
    .sign(new TextEncoder().encode(gateway.hmacSecret));
}

interface Place {
  readonly epoch: string;
  readonly offset: number;
}

interface InboxLine {
  readonly push?: {
    readonly pub?: { readonly data: unknown; readonly offset?: number };
    readonly belay?: { readonly inbox?: { readonly epoch: string } };
  };
}

export interface InboxArrival extends Place {
  readonly data: unknown;
}

/** A client of the extension: what came from the inbox, with its place. */
export class InboxClient implements AsyncDisposable {
  readonly client: TestClient;
  /** `belay` of the connect reply. */
  readonly granted: unknown;

  private constructor(client: TestClient, granted: unknown) {
    this.client = client;
    this.granted = granted;
  }

  /** Opens the user's inbox as a device of the group. */
  static async connect(
    gateway: GatewayAccess,
    user: string,
    ask: { readonly group?: string; readonly epoch?: string; readonly offset?: number } = {},
  ): Promise<InboxClient> {
    const client = await TestClient.open(gateway.url);
    const reply = await client.call({ connect: { token: await tokenOf(gateway, user), belay: { inbox: ask } } });
    if (reply.error !== undefined) throw new Error(`connect: ${reply.error.message}`);
    return new InboxClient(client, reply.connect?.["belay"]);
  }

  get arrivals(): readonly InboxArrival[] {
    return this.client.received.flatMap((line) => {
      const { pub, belay } = (line as InboxLine).push ?? {};
      return pub === undefined || belay?.inbox === undefined
        ? []
        : [{ data: pub.data, offset: pub.offset ?? 0, epoch: belay.inbox.epoch }];
    });
  }

  get payloads(): readonly unknown[] {
    return this.arrivals.map(({ data }) => data);
  }

  async waitFor(count: number, withinMs = 15_000): Promise<readonly unknown[]> {
    await this.client.waitFor(`${count} messages`, () => this.arrivals.length >= count, withinMs);
    return this.payloads;
  }

  async ack({ epoch, offset }: Place): Promise<unknown> {
    const reply = await this.client.call({ rpc: { method: "belay:ack", data: { epoch, offset } } });
    return reply.error ?? (reply["rpc"] as { readonly data?: unknown }).data;
  }

  /** Acknowledges everything that came. */
  async ackAll(): Promise<void> {
    const last = this.arrivals.at(-1);
    if (last !== undefined) await this.ack(last);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.client[Symbol.asyncDispose]();
  }
}
