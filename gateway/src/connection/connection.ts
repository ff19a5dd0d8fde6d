import {
  CLOSE,
  type CloseReason,
  type Codec,
  type Command,
  ERROR,
  type ErrorReply,
  type Push,
  type Reply,
  UNSUBSCRIBE,
  type UnsubscribeName,
} from "@belay/protocol";
import type { Random } from "../clock.ts";
import type { ClientConnection, Handler, Services } from "../handlers/services.ts";
import type { InboxFeed } from "../inbox/inbox-feed.ts";
import { Allowance, type AllowanceLimit } from "../limits/allowance.ts";
import type { LineSink } from "../hub/member.ts";
import type { SocketEnd } from "../session/handover.ts";
import type { Coming, Leaving } from "../session/movable.ts";
import { type AgreedExtensions, NOTHING_AGREED } from "../session/agreed.ts";
import { admit, type Identity, NEW_SESSION, type Session } from "../session/session.ts";
import { closeSubscription } from "../subscription/close-subscription.ts";
import type { Subscription } from "../subscription/subscription.ts";
import type { Socket, SocketEvents } from "../transport/socket.ts";
import { endByPeer, endByServer, leaveNode } from "./socket-end.ts";
import { closeOfError } from "./close-of-error.ts";
import { CommandQueue } from "./command-queue.ts";
import { ExpiryWatch } from "./expiry-watch.ts";
import type { ConnectionNames } from "./connection-names.ts";
import type { FlushLoop } from "./flush.ts";
import { Heartbeat } from "./heartbeat.ts";
import { Outbox, type OutboxCounters } from "./outbox.ts";
import type { TimerWheel } from "./timer-wheel.ts";

/** What every connection of a node shares. */
export interface ConnectionDeps {
  readonly services: Services;
  readonly handle: Handler<Command>;
  readonly flushLoop: FlushLoop;
  readonly wheel: TimerWheel;
  readonly random: Random;
  readonly outboxCounters: OutboxCounters;
  readonly observer: ConnectionObserver;
}

/** Told what happens to connections, for the drain and for metrics. */
export interface ConnectionObserver {
  onCommand(command: Command): void;
  onRefusal(rule: string): void;
  /** A command was over a limit of its connection. */
  onLimited(limit: AllowanceLimit): void;
  /** The server closes the connection; its socket may live on until the close handshake ends. */
  onClosing(connection: Connection, reason: CloseReason): void;
  /** The socket is gone. `code` is the peer's or ours. */
  onClosed(connection: Connection, code: number): void;
}

/** Replies whose size the client decides: one that the queue could not hold would end the connection (LIM9). */
const ASKED_FOR: ReadonlySet<Reply["kind"]> = new Set(["history", "presence", "rpc"]);
const NO_HEADERS: ReadonlyMap<string, string> = new Map();

/** One socket and its client: decodes frames, admits commands, queues replies. Knows neither HTTP nor ws. */
export class Connection implements ClientConnection, SocketEvents {
  readonly session: string;
  /** Names the connection in logs of this process. */
  readonly logId: number;
  readonly socket: Socket;
  readonly subscriptions: Map<string, Subscription> = new Map();
  readonly sink: LineSink;
  /** When the client last sent a command; a drain closes the idle ones first. */
  lastCommandMs: number;
  framesReceived = 0;
  emulatedHeaders: ReadonlyMap<string, string> = NO_HEADERS;
  inboxFeed: InboxFeed | undefined;
  agreed: AgreedExtensions = NOTHING_AGREED;
  handover: Leaving | undefined;
  arrival: Coming | undefined;
  readonly #deps: ConnectionDeps;
  readonly #outbox: Outbox;
  readonly #commands: CommandQueue;
  readonly #heartbeat: Heartbeat;
  readonly #expiry: ExpiryWatch;
  readonly #allowance = new Allowance();
  #held: Command[] = [];
  #session: Session = NEW_SESSION;

  constructor({ session, logId }: ConnectionNames, socket: Socket, deps: ConnectionDeps) {
    this.session = session;
    this.logId = logId;
    this.socket = socket;
    this.#deps = deps;
    const { services, flushLoop, wheel } = deps;
    this.lastCommandMs = services.clock.nowMs();
    this.#outbox = new Outbox({
      socket,
      loop: flushLoop,
      counters: deps.outboxCounters,
      onSlow: () => this.#closeSlow(),
    });
    this.sink = this.#outbox;
    this.#commands = new CommandQueue({
      run: (command) => this.#run(command),
      onFault: (command, error) => this.#onFault(command, error),
      onPressure: (isHigh) => (isHigh ? socket.pause() : socket.resume()),
    });
    this.#heartbeat = this.#createHeartbeat();
    this.#expiry = new ExpiryWatch(this, wheel, services);
  }

  get codec(): Codec {
    return this.socket.codec;
  }

  get isOpen(): boolean {
    return this.#session.state !== "closed";
  }

  get identity(): Identity | undefined {
    return this.#session.state === "connected" ? this.#session.identity : undefined;
  }

  get user(): string {
    return this.identity?.user ?? "";
  }

  get client(): string {
    return this.identity?.client ?? "";
  }

  get queuedBytes(): number {
    return this.#outbox.queuedBytes;
  }

  onMessage(data: Buffer, isBinary: boolean): void {
    if (!this.isOpen) return;
    const { clock, settings } = this.#deps.services;
    const nowMs = clock.nowMs();
    this.#heartbeat.seen(nowMs);
    this.framesReceived += 1;
    if (data.length > settings.current.config.limits.maxMessageBytes) this.#refuseFrame("LIM1", CLOSE.messageTooBig);
    else if (isBinary !== this.socket.framing.isBinary) this.#refuseFrame("FRM1", CLOSE.badRequest);
    else this.#onFrame(data, nowMs);
  }

  onClose(code: number): void {
    if (this.isOpen) this.#end({ code, reason: "" }, endByPeer(code));
    this.#deps.observer.onClosed(this, code);
  }

  reply(reply: Reply): void {
    const line = this.codec.encodeReply(reply);
    const { maxOutboundBytes } = this.#deps.services.settings.current.config.limits;
    const isTooLarge = line.length > maxOutboundBytes / 2 && ASKED_FOR.has(reply.kind);
    if (isTooLarge) this.replyError(reply.id, ERROR.limitExceeded);
    else this.#queue(line);
  }

  replyError(id: number, error: ErrorReply): void {
    this.reply({ kind: "error", id, error });
  }

  push(push: Push): void {
    this.#queue(this.codec.encodePush(push));
  }

  accept(identity: Identity, first: Reply | Push): void {
    const { hub, registry, admission } = this.#deps.services;
    this.#session = { state: "connected", identity };
    if ("id" in first) this.reply(first);
    else this.push(first);
    hub.addClient(this);
    admission.add(this.socket.remoteAddress);
    // Of one that comes from elsewhere the registry knows already.
    if (this.arrival === undefined) void registry.add({ user: identity.user, client: identity.client });
    this.#heartbeat.begin();
    this.#expiry.watchConnection(identity.expiresAt);
    const held = this.#held;
    this.#held = [];
    for (const command of held) this.#dispatch(command);
  }

  refuse(id: number, error: ErrorReply): void {
    if (this.socket.isUnidirectional) return this.close(closeOfError(error));
    this.#closeSubscriptions();
    this.#session = { state: "refused" };
    this.#held = [];
    this.replyError(id, error);
  }

  ping(): void {
    this.#queue(this.codec.ping);
  }

  renew(identity: Identity): void {
    if (this.#session.state !== "connected") return;
    this.#session = { state: "connected", identity };
    this.#expiry.watchConnection(identity.expiresAt);
  }

  watchExpiry(subscription: Subscription): void {
    this.#expiry.watchSubscription(subscription);
  }

  runForChannel(channel: string, work: () => Promise<void> | undefined): Promise<void> {
    return this.#commands.runForChannel(channel, work);
  }

  freeze(): void {
    this.#commands.freeze();
  }

  thaw(): void {
    this.#commands.thaw();
  }

  endSubscription(channel: string, why: UnsubscribeName): void {
    const subscription = this.subscriptions.get(channel);
    if (subscription === undefined) return;
    const isTold = subscription.state === "active";
    closeSubscription(this, subscription, this.#deps.services);
    if (isTold) this.push({ kind: "unsubscribe", channel, ...UNSUBSCRIBE[why] });
  }

  /** Sends what is queued, then the close frame (CLS3). */
  close(reason: CloseReason): void {
    if (!this.isOpen) return;
    this.#end(reason, endByServer(reason));
    this.#outbox.flush();
    // A flush that finds the outbox too full closes the socket itself.
    if (this.#outbox.isOpen) this.#finishClose(reason);
  }

  #createHeartbeat(): Heartbeat {
    const { wheel, random, services } = this.#deps;
    return new Heartbeat({
      wheel,
      random,
      clock: services.clock,
      timing: () => {
        const { limits, heartbeat } = services.settings.current.config;
        return { connectTimeoutMs: limits.connectTimeoutMs, ...heartbeat };
      },
      expectsPong: !this.socket.isUnidirectional,
      onStale: () => this.close(CLOSE.stale),
      onPing: () => this.ping(),
      onNoPong: () => this.close(CLOSE.noPong),
    });
  }

  #queue({ buffer, byteOffset, length }: Uint8Array): void {
    this.#outbox.push(Buffer.from(buffer, byteOffset, length));
  }

  #onFrame(data: Buffer, nowMs: number): void {
    const decoded = this.codec.decodeFrame(data);
    if (!decoded.ok) {
      this.#refuseFrame(decoded.refusal.rule, CLOSE.badRequest);
      return;
    }
    const { limits } = this.#deps.services.settings.current.config;
    const areBytesOver = !this.#allowance.takeBytes(nowMs, data.length, limits);
    for (const command of decoded.commands) {
      if (!this.isOpen) return;
      const over = this.#allowance.refuse(nowMs, command, limits) ?? (areBytesOver ? "bytes" : undefined);
      if (over !== undefined) {
        this.#refuseLimited(command, over, nowMs);
        continue;
      }
      if (command.kind !== "pong") this.lastCommandMs = nowMs;
      this.#deps.observer.onCommand(command);
      this.#dispatch(command);
    }
  }

  /** Tells the client to slow down; one that does not is closed and stays away for a while. */
  #refuseLimited(command: Command, limit: AllowanceLimit, nowMs: number): void {
    const { services, observer } = this.#deps;
    observer.onLimited(limit);
    if (!this.#allowance.isForgiven(nowMs)) {
      const { banSeconds } = services.settings.current.config.limits;
      services.bans.ban({ user: this.user, address: this.socket.remoteAddress }, banSeconds).catch(() => undefined);
      this.close(CLOSE.tooManyRequests);
    } else if ("id" in command && command.id > 0) this.replyError(command.id, ERROR.tooManyRequests);
  }

  #run(command: Command): Promise<void> | undefined {
    if (!this.isOpen) return undefined;
    const { handle, services } = this.#deps;
    const isWithin = services.userQuota.take(this.user, command);
    if (isWithin === true) return handle(this, command, services);
    return this.#runWithin(command, isWithin);
  }

  async #runWithin(command: Command, isWithin: boolean | Promise<boolean>): Promise<void> {
    const { handle, services } = this.#deps;
    const isGranted = await isWithin;
    if (!this.isOpen) return;
    if (isGranted) await handle(this, command, services);
    else this.#refuseLimited(command, "user", services.clock.nowMs());
  }

  #dispatch(command: Command): void {
    const verdict = admit(this.#session, command);
    if (verdict === "run") {
      if (command.kind === "connect") {
        this.#session = { state: "connecting" };
        this.emulatedHeaders = command.headers ?? NO_HEADERS;
      }
      this.#commands.run(command);
    } else if (verdict === "hold") this.#held.push(command);
    else if (verdict !== "drop") this.#refuseFrame(verdict.rule, verdict.close);
  }

  #refuseFrame(rule: string, reason: CloseReason): void {
    this.#deps.observer.onRefusal(rule);
    this.close(reason);
  }

  #onFault(command: Command, error: unknown): void {
    this.#deps.services.log.error({ connection: this.logId, command: command.kind, err: error }, "command failed");
    if ("id" in command && command.id > 0 && this.isOpen) this.replyError(command.id, ERROR.internal);
  }

  #closeSlow(): void {
    if (this.isOpen) this.#end(CLOSE.slow, "lost");
    this.#finishClose(CLOSE.slow);
  }

  /** Takes the client off the node: no publication, no timer and no registry entry outlives this. */
  #end(reason: CloseReason, how: SocketEnd): void {
    leaveNode(this, how, this.#deps.services);
    this.#session = { state: "closed", reason };
    this.#held = [];
    this.#heartbeat.stop();
    this.#expiry.stop();
    this.inboxFeed?.close();
    this.#closeSubscriptions();
    this.#deps.observer.onClosing(this, reason);
  }

  #closeSubscriptions(): void {
    for (const subscription of this.subscriptions.values()) {
      closeSubscription(this, subscription, this.#deps.services);
    }
  }

  #finishClose(reason: CloseReason): void {
    this.#outbox.close();
    this.socket.close(reason.code, reason.reason);
  }
}
