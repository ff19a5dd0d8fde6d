import type {
  Command,
  ConnectCommand,
  HandoverRequest,
  HistoryCommand,
  Payload,
  PublishCommand,
  StreamPosition,
  SubscribeRequest,
  WantedExtensions,
} from "./messages.ts";

/** Commands as JSON text, one line each. */
export function encodeJsonCommands(commands: readonly Command[]): string {
  return commands.map(line).join("\n");
}

type Members<T> = Omit<T, "kind" | "id">;

type Bodies = {
  readonly [K in Command["kind"]]?: (members: Members<Extract<Command, { readonly kind: K }>>) => object;
};

/** Kinds that are missing have the members of their command. */
const BODIES: Bodies = {
  connect: connectBody,
  subscribe: subscribeRequest,
  publish: publishBody,
  history: historyBody,
  send: ({ data }) => ({ data: written(data) }),
};

function line(command: Command): string {
  if (command.kind === "pong") return "{}";
  const { kind, ...rest } = command;
  const { id, ...members } = { id: undefined, ...rest };
  const body = BODIES[kind] as ((members: object) => object) | undefined;
  return JSON.stringify({ id, [kind]: body?.(members) ?? members });
}

function connectBody({ subs, belay, ...rest }: Members<ConnectCommand>): object {
  return { ...rest, subs: subs && byChannel(subs, subscribeRequest), belay: belay && wanted(belay) };
}

function wanted({ handover, ...rest }: WantedExtensions): object {
  return { ...rest, handover: handover && handoverRequest(handover) };
}

function handoverRequest(request: HandoverRequest): object {
  if (request.session === undefined) return {};
  const { session, secret, positions } = request;
  return { session, secret, positions: byChannel(positions, position) };
}

function position({ epoch, offset }: StreamPosition): object {
  return { epoch, offset };
}

/** `fromEntries` makes members of its own, also of a channel `__proto__`. */
function byChannel<T>(map: ReadonlyMap<string, T>, write: (value: T) => object): object {
  return Object.fromEntries([...map].map(([channel, value]) => [channel, write(value)]));
}

function subscribeRequest({ joinLeave, tagsFilter, ...rest }: SubscribeRequest): object {
  return { ...rest, join_leave: joinLeave, tf: tagsFilter };
}

function publishBody({ channel, data, key }: Members<PublishCommand>): object {
  return { channel, data: written(data), belay: key && { key } };
}

function historyBody({ since, ...rest }: Members<HistoryCommand>): object {
  return { ...rest, since: since && position(since) };
}

/** JSON has no form for `undefined` and functions: the member would be missing. */
function written(data: Payload): Payload {
  if (data === undefined || typeof data === "function" || typeof data === "symbol") {
    throw new TypeError("data must be a value of JSON");
  }
  return data;
}
