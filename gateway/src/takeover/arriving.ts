import { CLOSE, type ContinuedSession } from "@belay/protocol";
import { z } from "zod";
import type { ClientConnection, Services } from "../handlers/services.ts";
import type { RegistryEntry } from "../registry/registry.ts";
import { arrive, type Arrival, type ArrivalEffect, type ArrivalEvent, ASKING } from "../session/handover.ts";
import type { Coming } from "../session/movable.ts";
import { ABORTED, COMMITTED, TAKEOVER } from "./messages.ts";
import { decodeSnapshot, type Snapshot } from "./snapshot.ts";

/** Longest wait for the other pod's answer, which may have to find out whether a socket is lost. The client waits, too. */
const ANSWER_MS = 3_000;
/** A pod that is not told in time finds out by itself. */
const TOLD_MS = 1_000;
const RETRY_MS = 250;
/** As long as the other pod hands orders on. */
const FORGET_MS = 30_000;

/** What became of the attempt: the client goes on here, is connected like any other, or is gone. */
export type ArrivalOutcome = "continued" | "fresh" | "over";

export interface ArrivingParts {
  readonly services: Services;
  readonly connection: ClientConnection;
  readonly podUid: string;
  readonly continued: ContinuedSession;
  /** Names the attempt. */
  readonly takeover: string;
  readonly steps: ArrivalSteps;
}

/** What is done to the connection on the way. */
interface ArrivalSteps {
  /** Opens the subscriptions. */
  readonly open: (snapshot: Snapshot) => Promise<void>;
  /** Answers connect. */
  readonly accept: () => void;
  /** The client is this pod's: so is what its end will remove and announce. */
  readonly adopt: (snapshot: Snapshot) => void;
  readonly takePresence: (snapshot: Snapshot) => Promise<void>;
  /** Tells others that it came, or went, where they were told the opposite. */
  readonly announce: (snapshot: Snapshot, kind: "join" | "leave") => void;
}

const answer = z.object({ snapshot: z.unknown() });

/** The end of a connection that comes from elsewhere: carries out what `arrive` decides, one effect after the other. */
export class Arriving implements Coming {
  readonly #parts: ArrivingParts;
  readonly #outcome = Promise.withResolvers<ArrivalOutcome>();
  #state: Arrival = ASKING;
  #snapshot: Snapshot | undefined;
  #work: Promise<void> = Promise.resolve();
  #waiting: ((isDone: boolean) => void)[] = [];
  #timer: NodeJS.Timeout | undefined;
  #attempts = 0;
  #isAccepted = false;

  readonly #actions: Readonly<Record<ArrivalEffect, () => Promise<void> | void>> = {
    beginFresh: () => this.#outcome.resolve("fresh"),
    tellAborted: () => this.#tellAborted(),
    answerMoved: () => this.#answer(true),
    refuseMoved: () => this.#answer(false),
    closeSocket: () => {
      // Behind the reply that says why.
      setImmediate(() => this.#parts.connection.close(CLOSE.supersededOwner));
    },
    accept: () => this.#accept(),
    reserve: this.#withSnapshot((snapshot) => this.#reserve(snapshot)),
    open: this.#withSnapshot(async (snapshot) => {
      await this.#parts.steps.open(snapshot);
      this.#step({ kind: "opened" });
    }),
    commit: this.#withSnapshot((snapshot) => this.#commit(snapshot)),
    tellCommitted: this.#withSnapshot((snapshot) => this.#tellCommitted(snapshot)),
    release: this.#withSnapshot((snapshot) => this.#release(snapshot)),
    takePresence: this.#withSnapshot((snapshot) => this.#parts.steps.takePresence(snapshot)),
    join: this.#withSnapshot((snapshot) => {
      // Who is gone already was told to be.
      const { isOpen, handover } = this.#parts.connection;
      if (isOpen || handover?.isKept === true) this.#parts.steps.announce(snapshot, "join");
    }),
    leave: this.#withSnapshot((snapshot) => {
      this.#parts.services.registry.remove(entryOf(snapshot));
      this.#parts.steps.announce(snapshot, "leave");
    }),
  };

  constructor(parts: ArrivingParts) {
    this.#parts = parts;
  }

  get isOwner(): boolean {
    return this.#state.state === "owned";
  }

  /** Resolves when connect is answered, or is to be answered otherwise. */
  async run(): Promise<ArrivalOutcome> {
    const { services, takeover, connection } = this.#parts;
    services.takeovers.expect(takeover, connection);
    const told = await this.#ask();
    this.#snapshot = decodeSnapshot(told?.snapshot);
    if (this.#snapshot !== undefined) services.takeovers.know(takeover, entryOf(this.#snapshot));
    const kind = this.#snapshot?.isResumed === true ? "resume" : "handover";
    // A snapshot that cannot be read was given all the same: the other pod must not wait for it to be used.
    const refused = told !== undefined && told.snapshot === undefined ? "refused" : "silent";
    this.#step({ kind: "answered", snapshot: this.#snapshot === undefined ? refused : kind });
    return this.#outcome.promise;
  }

  moved(): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.#waiting.push(resolve);
    this.#step({ kind: "moved" });
    return promise;
  }

  end(): void {
    this.#step({ kind: "ended" });
    // Nobody else knows of the client yet.
    if (this.isOwner && !this.#isAccepted && this.#snapshot !== undefined)
      this.#parts.services.registry.remove(entryOf(this.#snapshot));
    this.#forgetLater();
  }

  async #ask(): Promise<{ readonly snapshot?: unknown } | undefined> {
    const { services, podUid, continued, takeover } = this.#parts;
    const { bus, clock, takeovers, registry } = services;
    const { session, secret } = continued;
    if (takeovers.silentPods.isSilent(podUid, clock.nowMs())) return {};
    try {
      // Anybody can make up a session: nothing is sent to a pod that there is not.
      if (!(await registry.isLive(podUid))) return {};
      const told = await bus.ask(podUid, TAKEOVER, { session, secret, takeover }, ANSWER_MS);
      takeovers.silentPods.note(podUid, told !== undefined, clock.nowMs());
      return answer.safeParse(told).data;
    } catch {
      // Redis is away: the client is connected like any other.
      return undefined;
    }
  }

  #step(event: ArrivalEvent): void {
    const before = this.#state;
    const { state, effects } = arrive(before, event);
    this.#state = state;
    if (state.state === "over" && before.state !== "over") this.#fail(before);
    if (state.state === "owned" && before.state !== "owned") this.#own();
    for (const effect of effects) this.#work = this.#work.then(() => this.#do(effect)).catch(this.#onFault);
  }

  readonly #onFault = (error: unknown): void => {
    this.#parts.services.log.error({ err: error }, "a connection could not be continued");
  };

  /** Once: what the client leaves behind when it goes on from here is not this pod's any more. */
  #own(): void {
    if (this.#snapshot !== undefined) this.#parts.steps.adopt(this.#snapshot);
    this.#forgetLater();
  }

  /** Orders may still be on their way from the other pod. */
  #forgetLater(): void {
    setTimeout(() => this.#parts.services.takeovers.forget(this.#parts.takeover), FORGET_MS).unref();
  }

  /** Nobody waits any more for what never comes. */
  #fail(before: Arrival): void {
    clearTimeout(this.#timer);
    const { services, connection, takeover } = this.#parts;
    services.takeovers.count(before.state === "asking" ? "refused" : "rolled_back");
    services.takeovers.forget(takeover);
    if (!connection.isOpen) this.#outcome.resolve("over");
  }

  async #do(effect: ArrivalEffect): Promise<void> {
    await this.#actions[effect]();
  }

  /** For what is never done before there is a snapshot. */
  #withSnapshot(act: (snapshot: Snapshot) => Promise<void> | void): () => Promise<void> {
    return async () => {
      if (this.#snapshot !== undefined) await act(this.#snapshot);
    };
  }

  #accept(): void {
    const { steps, services, takeover } = this.#parts;
    steps.accept();
    this.#isAccepted = this.#parts.connection.identity !== undefined;
    services.takeovers.arrived(takeover);
    this.#outcome.resolve("continued");
    const { moveMs } = services.takeovers.timing;
    if (this.#state.state === "delivering") {
      this.#timer = setTimeout(() => this.#step({ kind: "overdue" }), moveMs).unref();
    }
  }

  #answer(isDone: boolean): void {
    clearTimeout(this.#timer);
    for (const resolve of this.#waiting.splice(0)) resolve(isDone);
  }

  async #reserve(snapshot: Snapshot): Promise<void> {
    const { transfers } = this.#parts.services.registry;
    try {
      const isReserved = await transfers.reserve(entryOf(snapshot), snapshot.from);
      this.#step({ kind: "reserved", outcome: isReserved ? "mine" : "another's" });
    } catch {
      this.#step({ kind: "reserved", outcome: "unknown" });
    }
  }

  async #commit(snapshot: Snapshot): Promise<void> {
    if (this.#attempts > 0) await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    this.#attempts += 1;
    clearTimeout(this.#timer);
    try {
      const outcome = await this.#parts.services.registry.transfers.commit(entryOf(snapshot), snapshot.from);
      if (outcome !== "lost") this.#parts.services.takeovers.count(snapshot.isResumed ? "resumed" : "moved");
      this.#step({ kind: "committed", outcome });
    } catch {
      // Redis is away: it is this pod's or not, and must be known.
      this.#step({ kind: "committed", outcome: "unknown" });
    }
  }

  async #release(snapshot: Snapshot): Promise<void> {
    // What cannot be taken back is void when the other pod reclaims.
    await this.#parts.services.registry.transfers.release(entryOf(snapshot), snapshot.from).catch(() => undefined);
  }

  /** Waits for it: from then on the other pod writes nothing of the client. */
  async #tellCommitted({ from }: Snapshot): Promise<void> {
    const { services, continued, takeover } = this.#parts;
    const body = { session: continued.session, takeover };
    await services.bus.ask(from.podUid, COMMITTED, body, TOLD_MS).catch(() => undefined);
  }

  #tellAborted(): void {
    const { services, continued, takeover, podUid } = this.#parts;
    services.bus.tell(podUid, ABORTED, { session: continued.session, takeover }).catch(() => undefined);
  }
}

function entryOf({ identity }: Snapshot): RegistryEntry {
  return { user: identity.user, client: identity.client };
}
