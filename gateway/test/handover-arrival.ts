/** The side of the handover model to which a client comes: the gateway's own reducer, and what it decides done to the model's world. */
import { arrive, type Arrival, type ArrivalEffect, type ArrivalEvent, ASKING } from "../src/session/handover.ts";
import type { ModelOrder, ModelSnapshot, PodConnection, SessionSecret } from "./handover-parts.ts";
import type { HandoverWorld } from "./handover-world.ts";

export class ModelArrival {
  state: Arrival = ASKING;
  readonly id: string;
  readonly #world: HandoverWorld;
  readonly #connection: PodConnection;
  readonly #continued: SessionSecret;
  #snapshot: ModelSnapshot | undefined;
  #orders: ModelOrder[] = [];
  #work: ArrivalEffect[] = [];
  #isBusy = false;

  constructor(world: HandoverWorld, connection: PodConnection, continued: SessionSecret) {
    this.#world = world;
    this.#connection = connection;
    this.#continued = continued;
    this.id = world.newClientId();
  }

  get isOwner(): boolean {
    return this.state.state === "owned";
  }

  begin(): void {
    const { session, secret } = this.#continued;
    const { pod } = this.#connection;
    const forward = (order: ModelOrder): void => this.#world.send(pod, () => this.#obey(order));
    this.#world.send(session.pod, () => {
      const snapshot = session.departure?.take({ takeover: this.id, pod, secret, forward });
      this.#world.send(pod, () => this.#answered(snapshot));
    });
    // The time-out may be over before the answer comes, and is where it never does.
    this.#world.setTimer(this, pod, () => this.step({ kind: "answered", snapshot: "silent" }));
  }

  #answered(snapshot: ModelSnapshot | undefined): void {
    if (this.state.state !== "asking" || this.#snapshot !== undefined) return;
    this.#world.clearTimer(this);
    this.#snapshot = snapshot;
    const kind = snapshot?.isResumed === true ? "resume" : "handover";
    this.step({ kind: "answered", snapshot: snapshot === undefined ? "refused" : kind });
  }

  /** Between the snapshot and the reply. */
  hold(client: string, order: ModelOrder): void {
    if (this.#snapshot?.client === client) this.#orders.push(order);
  }

  #obey(order: ModelOrder): void {
    if (this.#connection.isOpen && this.#connection.client === "") this.#orders.push(order);
    else this.#connection.obey(order);
  }

  end(): void {
    this.step({ kind: "ended" });
    const { client, pod, hasMarks } = this.#connection;
    if (!this.isOwner || client !== "" || this.#snapshot === undefined) return;
    const { client: taken } = this.#snapshot;
    this.#world.later(pod, () => this.#world.removeEntry(taken, pod));
    if (!hasMarks) return;
    this.#connection.hasMarks = false;
    this.#world.removeMember(taken, pod);
    this.#world.leave(taken);
  }

  step(event: ArrivalEvent): void {
    const { state, effects } = arrive(this.state, event);
    this.state = state;
    if (state.state === "owned" || state.state === "over") this.#world.clearTimer(this);
    if (state.state === "owned" && effects.includes("takePresence")) this.#adopt();
    this.#work.push(...effects);
    this.#go();
  }

  /** One effect after the other, as the gateway does. */
  #go(): void {
    if (this.#isBusy) return;
    const effect = this.#work.shift();
    if (effect === undefined) return;
    this.#isBusy = true;
    this.#actions[effect](() => {
      this.#isBusy = false;
      this.#go();
    });
  }

  #adopt(): void {
    this.#connection.hasMarks = true;
    this.#connection.generation = (this.#snapshot?.from.generation ?? 0) + 1;
  }

  #now(act: () => void): (done: () => void) => void {
    return (done) => {
      act();
      done();
    };
  }

  readonly #actions: Readonly<Record<ArrivalEffect, (done: () => void) => void>> = {
    beginFresh: this.#now(() => this.#connection.beginFresh()),
    tellAborted: this.#now(() => {
      const { session } = this.#continued;
      this.#world.send(session.pod, () => session.departure?.step({ kind: "aborted", takeover: this.id }));
    }),
    answerMoved: this.#now(() => this.#connection.link.toClient({ kind: "moved", isDone: true })),
    refuseMoved: this.#now(() => this.#connection.link.toClient({ kind: "moved", isDone: false })),
    closeSocket: this.#now(() => this.#connection.close(false)),
    accept: this.#now(() => this.#accept()),
    reserve: (done) =>
      this.#step(
        done,
        (client, { from }) => this.#world.reserve(client, from, this.#connection.pod),
        (isMine) => {
          const outcome = isMine === "unknown" ? "unknown" : isMine ? "mine" : "another's";
          this.step({ kind: "reserved", outcome });
        },
      ),
    open: (done) => {
      this.#world.later(this.#connection.pod, () => {
        this.#connection.open(this.#snapshot?.channels ?? []);
        done();
        this.step({ kind: "opened" });
      });
    },
    commit: (done) =>
      this.#step(
        done,
        (client, { from }) => this.#world.commit(client, from, this.#connection.pod),
        (outcome) => this.step({ kind: "committed", outcome }),
      ),
    release: (done) =>
      this.#step(
        done,
        (client, { from }) => this.#world.release(client, from, this.#connection.pod),
        () => undefined,
      ),
    tellCommitted: (done) => this.#tellCommitted(done),
    takePresence: this.#now(() => this.#takePresence()),
    join: this.#now(() => {
      if (this.#isThere) this.#world.join(this.#snapshot?.client ?? "");
    }),
    leave: this.#now(() => {
      const { client = "" } = this.#snapshot ?? {};
      this.#world.removeEntry(client, this.#connection.pod);
      this.#world.leave(client);
    }),
  };

  /** A step of the registry. */
  #step<R>(
    done: () => void,
    act: (client: string, snapshot: ModelSnapshot) => R,
    then: (outcome: R | "unknown") => void,
  ): void {
    const snapshot = this.#snapshot;
    if (snapshot === undefined) return done();
    this.#world.ask(
      this.#connection.pod,
      () => act(snapshot.client, snapshot),
      (outcome) => {
        done();
        then(outcome);
      },
    );
  }

  #accept(): void {
    const snapshot = this.#snapshot;
    if (snapshot === undefined || !this.#connection.isOpen) return;
    this.#connection.accept(snapshot);
    for (const order of this.#orders.splice(0)) this.#obey(order);
    if (this.state.state !== "delivering") return;
    this.#world.setTimer(this, this.#connection.pod, () => this.step({ kind: "overdue" }));
  }

  #tellCommitted(done: () => void): void {
    const { session } = this.#continued;
    const { pod } = this.#connection;
    let isDone = false;
    const once = (): void => {
      if (isDone) return;
      isDone = true;
      this.#world.clearTimer(once);
      done();
    };
    this.#world.setTimer(once, pod, once);
    this.#world.send(session.pod, () => {
      session.departure?.step({ kind: "committed", takeover: this.id });
      this.#world.send(pod, once);
    });
  }

  #takePresence(): void {
    const { pod, departure } = this.#connection;
    const client = this.#snapshot?.client ?? "";
    if (departure?.hasLetGo === true) return;
    this.#world.addMember(client, pod);
    if (!this.#isThere) this.#world.removeMember(client, pod);
  }

  get #isThere(): boolean {
    const { isOpen, departure } = this.#connection;
    return isOpen || (departure?.isAway === true && departure.state.state !== "released");
  }
}
