import type {
  Command,
  ConnectCommand,
  ConnectResult,
  HandoverRequest,
  InboxResult,
  Push,
  Reply,
  StreamPosition,
  SubscribeResult,
  WirePublication,
} from "../src/messages.ts";
import type { MemorySocket, SocketServer } from "./memory-network.ts";
import type { ModelChannel } from "./model-channel.ts";
import { ModelConnection } from "./model-connection.ts";

const RESUME_MS = 10_000;
/** A client closes the socket that it has left; where it does not, the pod does: HND4. */
const LINGER_MS = 5_000;
/** Of one answer: a hole takes several. */
const MAX_PAGE = 3;

/** What goes wrong next. */
export interface Faults {
  /** The next connect gets a temporary error. */
  refuseConnect: boolean;
  /** The next command gets no answer. */
  ignoreCommand: boolean;
  /** The next `belay:moved` is refused. */
  refuseMove: boolean;
  /** The next subscribe, publish or history gets a temporary error. */
  refuseCommand: boolean;
  /** The next who comes back has missed too much: it is told so, and finds it in the history. */
  hasMissedTooMuch: boolean;
}

/** Pods of one cluster as a client sees them: every rule that the SDK relies on, and nothing else. Connections of one user. */
export class ModelServer implements SocketServer {
  readonly channels: ReadonlyMap<string, ModelChannel>;
  readonly faults: Faults = {
    refuseConnect: false,
    ignoreCommand: false,
    refuseMove: false,
    refuseCommand: false,
    hasMissedTooMuch: false,
  };
  grantsKeys = true;
  grantsHandover = true;
  pingSeconds = 25;
  /** Asked before each publish: true refuses it with `too many requests`. */
  isOverLimit: () => boolean = () => false;
  /** Of every connect's reply. */
  inbox: InboxResult | undefined;
  /** The same. */
  result: Partial<ConnectResult> = {};
  /** Told before a refused connect. */
  windowMs: number | undefined;
  readonly #connections = new Set<ModelConnection>();
  readonly #now: () => number;
  #made = 0;

  constructor(channels: ReadonlyMap<string, ModelChannel>, now: () => number) {
    this.channels = channels;
    this.#now = now;
  }

  get live(): readonly ModelConnection[] {
    return [...this.#connections].filter(({ isOver }) => !isOver);
  }

  /** Owners: connections that are the client's, and not about to be. */
  get owners(): readonly ModelConnection[] {
    return this.live.filter(({ taking, takenBy }) => taking === undefined && takenBy === undefined);
  }

  receive(socket: MemorySocket, commands: readonly Command[]): void {
    for (const command of commands) this.#command(socket, command);
  }

  /** The socket is gone: closed by the client, or lost. */
  gone(socket: MemorySocket, isClean: boolean): void {
    const connection = this.#of(socket);
    if (connection === undefined || connection.isOver) return;
    this.#abort(connection);
    connection.isOver = true;
    if (isClean) this.#connections.delete(connection);
    else connection.lostMs = this.#now();
  }

  /** To every channel, and at once to every connection. */
  publish(data: unknown): void {
    for (const channel of this.channels.values()) channel.publish(data);
    this.pump();
  }

  /** Hands out what was published, in whatever order of connections. */
  pump(): void {
    for (const connection of this.live) {
      if (connection.endsMs <= this.#now()) this.#close(connection, 3011);
      else this.#serve(connection);
    }
  }

  ping(): void {
    for (const { socket } of this.live) socket.send([{ type: "ping" }]);
  }

  goaway(windowMs: number, deadlineMs: number): void {
    for (const connection of this.owners) {
      if (connection.held !== undefined || !this.grantsHandover) continue;
      connection.secret = this.#name("secret");
      const { session, secret } = connection;
      this.#push(connection, { kind: "goaway", goaway: { session, secret, windowMs, deadlineMs } });
    }
  }

  cancel(): void {
    for (const connection of this.owners) {
      if (connection.held !== undefined) continue;
      connection.secret = undefined;
      this.#push(connection, { kind: "goaway_cancel" });
    }
  }

  /** The server closes every connection it owns. */
  closeAll(code: number): void {
    for (const connection of this.live) this.#close(connection, code);
  }

  #close(connection: ModelConnection, code: number): void {
    this.#abort(connection);
    connection.isOver = true;
    this.#connections.delete(connection);
    connection.socket.closeByServer(code, "closed");
  }

  #of(socket: MemorySocket): ModelConnection | undefined {
    return [...this.#connections].find((connection) => connection.socket === socket);
  }

  #command(socket: MemorySocket, command: Command): void {
    if (command.kind === "connect") return this.#connect(socket, command);
    const connection = this.#of(socket);
    if (connection === undefined || connection.isOver || command.kind === "pong") return;
    if (this.faults.ignoreCommand) {
      this.faults.ignoreCommand = false;
      return;
    }
    const changes = command.kind === "subscribe" || command.kind === "unsubscribe";
    if (changes && connection.held !== undefined) connection.held.push(command);
    else this.#act(connection, command);
  }

  #act(connection: ModelConnection, command: Exclude<Command, ConnectCommand>): void {
    const { kind } = command;
    if (kind === "subscribe") return this.#subscribe(connection, command);
    if (kind === "publish") return this.#publish(connection, command);
    if (kind === "history") return this.#history(connection, command);
    if (kind === "rpc") return this.#rpc(connection, command.id, command.method);
    if (kind === "ping") return this.#reply(connection, { id: command.id, kind });
    if (kind !== "unsubscribe") return;
    this.#serve(connection);
    connection.subs.delete(command.channel);
    this.#reply(connection, { id: command.id, kind });
  }

  #publish(connection: ModelConnection, command: Extract<Command, { readonly kind: "publish" }>): void {
    const { id, kind, channel, data, key } = command;
    if (this.#refuses(connection, id)) return;
    if (this.isOverLimit()) return this.#reply(connection, { id, kind: "error", error: TOO_MANY });
    this.#channel(channel).publish(data, key);
    this.#reply(connection, { id, kind });
  }

  #refuses(connection: ModelConnection, id: number): boolean {
    const { refuseCommand } = this.faults;
    this.faults.refuseCommand = false;
    if (refuseCommand) this.#reply(connection, { id, kind: "error", error: TEMPORARY });
    return refuseCommand;
  }

  #missedTooMuch(): boolean {
    const { hasMissedTooMuch } = this.faults;
    this.faults.hasMissedTooMuch = false;
    return hasMissedTooMuch;
  }

  #connect(socket: MemorySocket, { id, belay }: ConnectCommand): void {
    if (this.faults.refuseConnect) {
      this.faults.refuseConnect = false;
      if (this.windowMs !== undefined) socket.send([{ type: "push", kind: "window", window: { ms: this.windowMs } }]);
      return socket.send([{ type: "reply", id, kind: "error", error: TEMPORARY }]);
    }
    this.#forgetLost();
    const source = this.grantsHandover ? this.#takeOver(belay?.handover) : undefined;
    const connection = new ModelConnection(socket, source?.client ?? this.#name("client"), this.#name("session"));
    this.#connections.add(connection);
    const moved = source === undefined ? undefined : this.#move(source, connection, belay?.handover);
    connection.secret = this.#name("secret");
    this.#reply(connection, { id, kind: "connect", result: this.#granted(connection, moved) });
    // What was missed before a resume follows as ordinary publications.
    this.#serve(connection);
  }

  #granted({ client, session, secret = "" }: ModelConnection, moved: Places | undefined): ConnectResult {
    const handover = { session, secret, resumeMs: RESUME_MS, ...(moved !== undefined && { moved }) };
    const belay = {
      ...(this.grantsHandover && { handover }),
      ...(this.grantsKeys && { keys: true }),
      ...(this.inbox && { inbox: this.inbox }),
    };
    return { client, version: "", ping: this.pingSeconds, pong: true, session, node: "node", belay, ...this.result };
  }

  #forgetLost(): void {
    for (const connection of this.#connections)
      if (this.#now() - (connection.lostMs ?? Infinity) >= RESUME_MS) this.#connections.delete(connection);
  }

  /** The connection whose place is taken, if session and secret are good. */
  #takeOver(request: HandoverRequest | undefined): ModelConnection | undefined {
    if (request?.session === undefined) return undefined;
    const source = [...this.#connections].find(({ session }) => session === request.session);
    if (source?.secret === undefined || source.secret !== request.secret) return undefined;
    if (source.takenBy !== undefined) return undefined;
    source.secret = undefined;
    return source;
  }

  #move(source: ModelConnection, target: ModelConnection, request: HandoverRequest | undefined): Places {
    const moved = new Map<string, StreamPosition>();
    const isResume = source.isOver;
    for (const channel of source.subs.keys()) {
      const { top, hasHistory } = this.#channel(channel);
      const wanted = request?.session === undefined ? undefined : request.positions.get(channel);
      const place = isResume && hasHistory && wanted !== undefined && !this.#missedTooMuch() ? wanted : top;
      moved.set(channel, place);
      target.subs.set(channel, place.offset);
    }
    if (isResume) {
      this.#connections.delete(source);
    } else {
      source.takenBy = target;
      source.held = [];
      target.taking = source;
    }
    return moved;
  }

  #rpc(connection: ModelConnection, id: number, method: string): void {
    if (method === "belay:moved") return this.#commit(connection, id);
    // The barrier's reply stands behind everything up to the place that was asked for.
    if (method === "belay:barrier") this.#serve(connection);
    this.#reply(connection, { id, kind: "rpc", data: {} });
  }

  #commit(connection: ModelConnection, id: number): void {
    if (this.faults.refuseMove) {
      this.faults.refuseMove = false;
      return this.#reply(connection, { id, kind: "error", error: { code: 103, message: "permission denied" } });
    }
    const source = connection.taking;
    connection.taking = undefined;
    if (source !== undefined) {
      // It delivers nothing any more, and goes on holding what would change its subscriptions.
      source.subs.clear();
      source.endsMs = this.#now() + LINGER_MS;
    }
    this.#reply(connection, { id, kind: "rpc", data: {} });
  }

  /** What a pod does when one side of a move goes. */
  #abort(connection: ModelConnection): void {
    const { taking } = connection;
    if (taking === undefined) return;
    connection.taking = undefined;
    taking.takenBy = undefined;
    const held = taking.held ?? [];
    taking.held = undefined;
    if (taking.isOver) return;
    for (const command of held) if (command.kind !== "connect") this.#act(taking, command);
  }

  #subscribe(connection: ModelConnection, command: Extract<Command, { readonly kind: "subscribe" }>): void {
    const { id, channel: name, recover, offset, epoch } = command;
    if (this.#refuses(connection, id)) return;
    if (connection.subs.has(name))
      return this.#reply(connection, { id, kind: "error", error: { code: 105, message: "already subscribed" } });
    const channel = this.#channel(name);
    const mayRecover = recover === true && epoch === channel.epoch && channel.hasHistory;
    const since = mayRecover && !this.#missedTooMuch() ? offset : undefined;
    connection.subs.set(name, channel.log.length);
    const recovery: SubscribeResult = { wasRecovering: true, recovered: since !== undefined };
    const result: SubscribeResult = {
      ...this.#placeOf(channel),
      ...(recover === true && recovery),
      ...(since !== undefined && { publications: channel.log.slice(since) }),
    };
    this.#reply(connection, { id, kind: "subscribe", result });
  }

  /** Without E1 a channel without a history has no places. */
  #placeOf({ hasHistory, top }: ModelChannel): Partial<StreamPosition> {
    return this.grantsHandover || hasHistory ? top : {};
  }

  #history(connection: ModelConnection, command: Extract<Command, { readonly kind: "history" }>): void {
    const { id, limit, since } = command;
    if (this.#refuses(connection, id)) return;
    const channel = this.#channel(command.channel);
    if (!channel.hasHistory)
      return this.#reply(connection, { id, kind: "error", error: { code: 108, message: "not available" } });
    const from = since?.offset ?? 0;
    const publications = channel.log.slice(from, from + Math.min(MAX_PAGE, limit < 0 ? MAX_PAGE : limit));
    this.#reply(connection, { id, kind: "history", result: { publications, ...channel.top } });
  }

  #serve(connection: ModelConnection): void {
    for (const [name, served] of connection.subs) {
      const { log } = this.#channel(name);
      connection.subs.set(name, log.length);
      const isShown = (publication: WirePublication): WirePublication => {
        if (this.grantsHandover || this.#channel(name).hasHistory) return publication;
        return { data: publication.data };
      };
      for (const publication of log.slice(served))
        this.#push(connection, { kind: "publication", channel: name, publication: isShown(publication) });
    }
  }

  #channel(name: string): ModelChannel {
    const channel = this.channels.get(name);
    if (channel === undefined) throw new Error(`no channel ${name}`);
    return channel;
  }

  #push(connection: ModelConnection, push: PlainPush): void {
    connection.socket.send([{ type: "push", ...push }]);
  }

  #reply(connection: ModelConnection, reply: PlainReply): void {
    connection.socket.send([{ type: "reply", ...reply }]);
  }

  #name(kind: string): string {
    this.#made += 1;
    return `${kind}-${this.#made}`;
  }
}

const TOO_MANY = { code: 111, message: "too many requests", temporary: true };
const TEMPORARY = { code: 100, message: "internal server error", temporary: true };

type Places = ReadonlyMap<string, StreamPosition>;
type PlainPush = Push extends infer P ? (P extends Push ? Omit<P, "type"> : never) : never;
type PlainReply = Reply extends infer R ? (R extends Reply ? Omit<R, "type"> : never) : never;
