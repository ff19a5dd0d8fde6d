import type { DecodedFrame } from "./codec.ts";
import {
  FieldProblem,
  type Fields,
  fieldsOf,
  flagOf,
  given,
  listOf,
  mapOf,
  nestedOf,
  numberOf,
  objectOf,
  textOf,
  textsOf,
} from "./json-fields.ts";
import type {
  ClientInfo,
  ConnectResult,
  ErrorReply,
  Goaway,
  GrantedExtensions,
  HandoverGrant,
  HistoryResult,
  InboxResult,
  Push,
  ReconnectWindow,
  RefreshResult,
  Reply,
  ServerMessage,
  StreamPosition,
  SubscribeResult,
  WirePublication,
} from "./messages.ts";

/** Decodes one frame: a reply, push or ping on each line. Never throws. */
export function decodeJsonFrame(frame: string): DecodedFrame {
  try {
    const lines = frame.split("\n").filter((line) => line.trim() !== "");
    return { ok: true, messages: lines.flatMap((line) => message(fieldsOf(JSON.parse(line), "a message")) ?? []) };
  } catch (error) {
    if (error instanceof FieldProblem || error instanceof SyntaxError) return { ok: false, problem: error.message };
    throw error;
  }
}

function message(fields: Fields): ServerMessage | undefined {
  const pushed = objectOf(fields, "push");
  if (pushed !== undefined) {
    const body = push(pushed);
    return body && { type: "push", ...body };
  }
  const id = numberOf(fields, "id") ?? 0;
  if (id > 0) return reply(id, fields);
  return Object.keys(fields).length === 0 ? { type: "ping" } : undefined;
}

// ---- Replies ----

type Untyped<T> = T extends unknown ? Omit<T, "type" | "id"> : never;
type ReplyBody = Untyped<Reply>;
type ReadReply = (fields: Fields) => ReplyBody;

function bare(kind: "unsubscribe" | "publish" | "ping"): ReadReply {
  return () => ({ kind });
}

const REPLIES: Readonly<Record<Reply["kind"], ReadReply>> = {
  error: (fields) => ({ kind: "error", error: errorReply(fields) }),
  connect: (fields) => ({ kind: "connect", result: connectResult(fields) }),
  subscribe: (fields) => ({ kind: "subscribe", result: subscribeResult(fields) }),
  unsubscribe: bare("unsubscribe"),
  publish: bare("publish"),
  ping: bare("ping"),
  presence: (fields) => ({ kind: "presence", presence: mapOf(fields, "presence", clientInfo) ?? new Map() }),
  presence_stats: (fields) => ({
    kind: "presence_stats",
    clients: numberOf(fields, "num_clients") ?? 0,
    users: numberOf(fields, "num_users") ?? 0,
  }),
  history: (fields) => ({ kind: "history", result: historyResult(fields) }),
  rpc: ({ data }) => ({ kind: "rpc", ...given({ data }) }),
  refresh: (fields) => ({ kind: "refresh", result: refreshResult(fields) }),
  sub_refresh: (fields) => ({ kind: "sub_refresh", result: refreshResult(fields) }),
};

function reply(id: number, fields: Fields): Reply | undefined {
  for (const [kind, read] of Object.entries(REPLIES)) {
    const body = nestedOf(fields, kind, read);
    if (body !== undefined) return { type: "reply", id, ...body };
  }
  return undefined;
}

function errorReply(fields: Fields): ErrorReply {
  return {
    code: numberOf(fields, "code") ?? 0,
    message: textOf(fields, "message") ?? "",
    ...given({ temporary: flagOf(fields, "temporary") }),
  };
}

function connectResult(fields: Fields): ConnectResult {
  return {
    client: textOf(fields, "client") ?? "",
    version: textOf(fields, "version") ?? "",
    ...refreshResult(fields),
    ...given({
      data: fields["data"],
      subs: mapOf(fields, "subs", subscribeResult),
      ping: numberOf(fields, "ping"),
      pong: flagOf(fields, "pong"),
      session: textOf(fields, "session"),
      node: textOf(fields, "node"),
      belay: nestedOf(fields, "belay", granted),
    }),
  };
}

function granted(fields: Fields): GrantedExtensions {
  return given({
    inbox: nestedOf(fields, "inbox", inboxResult),
    handover: nestedOf(fields, "handover", handoverGrant),
    keys: flagOf(fields, "keys"),
    window: nestedOf(fields, "window", reconnectWindow),
  });
}

function inboxResult(fields: Fields): InboxResult {
  const group = textOf(fields, "group") ?? "";
  return { group, ...position(fields), ...given({ lost: flagOf(fields, "lost") }) };
}

function handoverGrant(fields: Fields): HandoverGrant {
  return {
    session: textOf(fields, "session") ?? "",
    secret: textOf(fields, "secret") ?? "",
    resumeMs: numberOf(fields, "resumeMs") ?? 0,
    ...given({ moved: mapOf(fields, "moved", position) }),
  };
}

function reconnectWindow(fields: Fields): ReconnectWindow {
  return { ms: numberOf(fields, "ms") ?? 0 };
}

function position(fields: Fields): StreamPosition {
  return { epoch: textOf(fields, "epoch") ?? "", offset: numberOf(fields, "offset") ?? 0 };
}

function subscribeResult(fields: Fields): SubscribeResult {
  return {
    ...refreshResult(fields),
    ...given({
      recoverable: flagOf(fields, "recoverable"),
      positioned: flagOf(fields, "positioned"),
      epoch: textOf(fields, "epoch"),
      offset: numberOf(fields, "offset"),
      publications: listOf(fields, "publications", publication),
      recovered: flagOf(fields, "recovered"),
      wasRecovering: flagOf(fields, "was_recovering"),
      data: fields["data"],
      delta: flagOf(fields, "delta"),
    }),
  };
}

function refreshResult(fields: Fields): RefreshResult {
  return given({ expires: flagOf(fields, "expires"), ttl: numberOf(fields, "ttl") });
}

function historyResult(fields: Fields): HistoryResult {
  return { publications: listOf(fields, "publications", publication) ?? [], ...position(fields) };
}

function publication(fields: Fields): WirePublication {
  return {
    data: fields["data"],
    ...given({
      info: nestedOf(fields, "info", clientInfo),
      offset: numberOf(fields, "offset"),
      tags: textsOf(fields, "tags"),
      delta: flagOf(fields, "delta"),
      timeMs: numberOf(fields, "time"),
    }),
  };
}

function clientInfo(fields: Fields): ClientInfo {
  return {
    user: textOf(fields, "user") ?? "",
    client: textOf(fields, "client") ?? "",
    ...given({ connInfo: fields["conn_info"], chanInfo: fields["chan_info"] }),
  };
}

// ---- Pushes ----

type PushBody = Untyped<Push>;

/** By the member that says what the push is. */
const PUSHES: Readonly<Record<string, (body: Fields, channel: string) => PushBody>> = {
  pub: (body, channel) => ({ kind: "publication", channel, publication: publication(body) }),
  join: (body, channel) => ({ kind: "join", channel, info: clientInfo(objectOf(body, "info") ?? {}) }),
  leave: (body, channel) => ({ kind: "leave", channel, info: clientInfo(objectOf(body, "info") ?? {}) }),
  unsubscribe: (body, channel) => ({ kind: "unsubscribe", channel, ...ending(body) }),
  subscribe: (body, channel) => ({ kind: "subscribe", channel, result: subscribeResult(body) }),
  message: ({ data }) => ({ kind: "message", data }),
  disconnect: (body) => ({ kind: "disconnect", ...ending(body) }),
  refresh: (body) => ({ kind: "refresh", ...refreshResult(body) }),
};

function push(fields: Fields): PushBody | undefined {
  const extended = nestedOf(fields, "belay", (belay) => extensionPush(belay, fields));
  if (extended !== undefined) return extended;
  for (const [member, read] of Object.entries(PUSHES)) {
    const body = objectOf(fields, member);
    if (body !== undefined) return read(body, textOf(fields, "channel") ?? "");
  }
  return undefined;
}

function extensionPush(belay: Fields, fields: Fields): PushBody | undefined {
  const inbox = objectOf(belay, "inbox");
  const pub = objectOf(fields, "pub");
  if (inbox && pub) return { kind: "inbox", epoch: textOf(inbox, "epoch") ?? "", publication: publication(pub) };
  const goaway = nestedOf(belay, "goaway", goawayOf);
  if (goaway) return { kind: "goaway", goaway };
  if (objectOf(belay, "goaway_cancel")) return { kind: "goaway_cancel" };
  const window = nestedOf(belay, "window", reconnectWindow);
  return window && { kind: "window", window };
}

function goawayOf(fields: Fields): Goaway {
  return {
    session: textOf(fields, "session") ?? "",
    secret: textOf(fields, "secret") ?? "",
    windowMs: numberOf(fields, "windowMs") ?? 0,
    deadlineMs: numberOf(fields, "deadlineMs") ?? 0,
  };
}

function ending(fields: Fields): { readonly code: number; readonly reason: string } {
  return { code: numberOf(fields, "code") ?? 0, reason: textOf(fields, "reason") ?? "" };
}
