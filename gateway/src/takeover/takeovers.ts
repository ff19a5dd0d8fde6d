import { z } from "zod";
import type { AwayClient, ClientConnection, Services, Takeovers } from "../handlers/services.ts";
import type { RegistryEntry } from "../registry/registry.ts";
import type { ArrivalResult, KeptOrder, TakeoverTiming } from "../session/movable.ts";
import { Departing } from "./departing.ts";
import { ABORTED, COMMITTED, ORDER, TAKEOVER } from "./messages.ts";
import { newSecret, newSession, type RandomBytes } from "./secret.ts";
import { SilentPods } from "./silent-pods.ts";
import { encodeSnapshot } from "./snapshot.ts";

export interface NodeTakeoversOptions {
  readonly randomBytes: RandomBytes;
  readonly timing?: Partial<TakeoverTiming> | undefined;
  /** For metrics. */
  readonly onOutcome: (result: ArrivalResult) => void;
}

const TIMING: TakeoverTiming = { moveMs: 15_000, takeMs: 20_000 };

interface ComingClient {
  readonly connection: ClientConnection;
  readonly orders: KeptOrder[];
  /** Known from the snapshot on. */
  entry?: RegistryEntry;
}

type CarryOut = (connection: ClientConnection, order: KeptOrder) => void;

const asking = z.object({ session: z.string(), secret: z.string(), takeover: z.string() });
const told = z.object({ session: z.string(), takeover: z.string() });
const forwarded = z.object({ takeover: z.string(), kind: z.string(), body: z.unknown() });

/** The connections of this node that may leave, by the name under which other nodes ask for them, and those that come. */
export class NodeTakeovers implements Takeovers {
  readonly timing: TakeoverTiming;
  readonly silentPods: SilentPods = new SilentPods();
  readonly #options: NodeTakeoversOptions;
  readonly #bySession = new Map<string, Departing>();
  readonly #away = new Set<Departing>();
  /** With the orders that came before the client was here. */
  readonly #coming = new Map<string, ComingClient>();
  #carryOut: CarryOut = () => undefined;
  #isClosed = false;

  constructor(options: NodeTakeoversOptions) {
    this.#options = options;
    this.timing = { ...TIMING, ...options.timing };
  }

  /** Answers other nodes from now on. */
  start({ bus, log }: Pick<Services, "bus" | "log">, carryOut: CarryOut): void {
    this.#carryOut = carryOut;
    bus.on(TAKEOVER, async (body, from) => {
      const { session = "", secret = "", takeover = "" } = asking.safeParse(body).data ?? {};
      const snapshot = await this.#bySession.get(session)?.take({ secret, takeover, podUid: from });
      if (snapshot !== undefined) return { snapshot: encodeSnapshot(snapshot) };
      log.info({ from }, "a connection that was to be continued is not here, or its secret does not count");
      return {};
    });
    bus.on(COMMITTED, (body) => {
      const { session = "", takeover = "" } = told.safeParse(body).data ?? {};
      this.#bySession.get(session)?.committed(takeover);
      return {};
    });
    bus.on(ABORTED, (body) => {
      const { session = "", takeover = "" } = told.safeParse(body).data ?? {};
      this.#bySession.get(session)?.aborted(takeover);
    });
    bus.on(ORDER, (body) => {
      const order = forwarded.safeParse(body).data;
      if (order !== undefined) this.#obey(order.takeover, { kind: order.kind, body: order.body });
    });
  }

  grant(connection: ClientConnection, services: Services): void {
    const { randomBytes } = this.#options;
    const session = newSession(services.nodeId, randomBytes);
    const departing = new Departing({
      services,
      connection,
      session,
      newSecret: () => newSecret(randomBytes),
      resumeMs: () => (this.#isClosed ? 0 : services.settings.current.config.handover.resumeSeconds * 1_000),
      takeMs: this.timing.takeMs,
      onChange: (changed) => {
        if (changed.isAway) this.#away.add(changed);
        else this.#away.delete(changed);
        if (changed.isOver) this.#bySession.delete(session);
      },
      carryOut: (target, order) => this.#carryOut(target, order),
    });
    this.#bySession.set(session, departing);
    connection.handover = departing;
  }

  awayOf(user: string | undefined): readonly AwayClient[] {
    const coming = [...this.#coming.values()].flatMap((each) => awayClient(each) ?? []);
    return [...this.#away, ...coming].filter(({ entry }) => user === undefined || entry.user === user);
  }

  expect(takeover: string, connection: ClientConnection): void {
    this.#coming.set(takeover, { connection, orders: [] });
  }

  know(takeover: string, entry: RegistryEntry): void {
    const coming = this.#coming.get(takeover);
    if (coming !== undefined) coming.entry = entry;
  }

  arrived(takeover: string): void {
    const coming = this.#coming.get(takeover);
    const orders = coming?.orders.splice(0) ?? [];
    for (const order of orders) this.#obey(takeover, order);
  }

  forget(takeover: string): void {
    this.#coming.delete(takeover);
  }

  count(result: ArrivalResult): void {
    this.#options.onOutcome(result);
  }

  /** Connections without a socket whose place is kept. */
  get keptCount(): number {
    let count = 0;
    for (const { isKept } of this.#away) if (isKept) count += 1;
    return count;
  }

  /** Nothing is kept from now on. */
  close(): void {
    this.#isClosed = true;
    for (const departing of this.#bySession.values()) departing.stop();
  }

  #obey(takeover: string, order: KeptOrder): void {
    const coming = this.#coming.get(takeover);
    if (coming === undefined) return;
    const { connection } = coming;
    if (connection.isOpen && connection.identity === undefined) coming.orders.push(order);
    else this.#carryOut(connection, order);
  }
}

/** Between the snapshot and the reply the client is nowhere else to be found. */
function awayClient({ connection, entry, orders }: ComingClient): AwayClient | undefined {
  if (entry === undefined || !connection.isOpen || connection.identity !== undefined) return undefined;
  return {
    entry,
    isKept: false,
    keep: (order) => {
      orders.push(order);
      return true;
    },
    end: () => false,
    supersede: () => undefined,
  };
}
