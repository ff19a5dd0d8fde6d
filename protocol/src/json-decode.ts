import { connectExtensions, publishKey } from "./json-extensions.ts";
import { entriesOf, FieldProblem, type Fields, flagOf, integerOf, isFields, textOf, textsOf } from "./json-fields.ts";
import { isDeeperThan, rawMember, rawMembers, withoutNewlines } from "./json-scan.ts";
import { MAX_COMMAND_ID, MAX_COMMANDS_PER_FRAME, MAX_NESTING } from "./limits.ts";
import type {
  Command,
  ConnectCommand,
  DecodedFrame,
  EmulationRequest,
  FilterNode,
  FrameRefusal,
  HistoryCommand,
  Payload,
  SubscribeRequest,
} from "./messages.ts";

type Decoded = Command | FrameRefusal;

/** Flag of a subscribe request: a recovery that cannot be made is an error. */
const FLAG_REJECT_UNRECOVERED = 2;

const NO_DATA = new Uint8Array(0);

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const bytes = new TextEncoder();

/** Decodes one frame: commands, one per line. Never throws; the first bad command refuses the whole frame. */
export function decodeJsonFrame(frame: Uint8Array): DecodedFrame {
  const text = textOfBytes(frame);
  if (text === undefined) return refused({ rule: "FRM2", problem: "a frame must be UTF-8" });
  const commands: Command[] = [];
  let start = 0;
  while (start < text.length) {
    const newline = text.indexOf("\n", start);
    const end = newline === -1 ? text.length : newline;
    const line = start === 0 && end === text.length ? text : text.slice(start, end);
    start = end + 1;
    if (line.trim() === "") continue;
    if (commands.length === MAX_COMMANDS_PER_FRAME) {
      return refused({ rule: "LIM3", problem: `a frame must have at most ${MAX_COMMANDS_PER_FRAME} commands` });
    }
    const decoded = decodeCommand(line);
    if ("rule" in decoded) return refused(decoded);
    commands.push(decoded);
  }
  if (commands.length === 0) return refused({ rule: "FRM3", problem: "a frame must have a command" });
  return { ok: true, commands };
}

/** Undefined for a body that is no emulation request. `data` is a JSON string that holds the frame. */
export function decodeJsonEmulation(body: Uint8Array): EmulationRequest | undefined {
  const text = textOfBytes(body);
  const value = text === undefined || isDeeperThan(text, MAX_NESTING) ? undefined : parseObject(text);
  const { session, node, data } = value ?? {};
  if (typeof session !== "string" || typeof node !== "string" || typeof data !== "string") return undefined;
  return { session, node, data: bytes.encode(data) };
}

function textOfBytes(frame: Uint8Array): string | undefined {
  try {
    return utf8.decode(frame);
  } catch {
    // Not UTF-8: the caller refuses the frame.
    return undefined;
  }
}

function refused(refusal: FrameRefusal): DecodedFrame {
  return { ok: false, refusal };
}

function decodeCommand(line: string): Decoded {
  if (isDeeperThan(line, MAX_NESTING))
    return { rule: "LIM4", problem: `a command must have at most ${MAX_NESTING} levels` };
  const value = parseObject(line);
  if (value === undefined) return { rule: "FRM2", problem: "a command must be a JSON object" };
  const methods = Object.keys(value).filter((key) => METHODS.has(key));
  const method = methods[0];
  if (method === undefined) {
    return Object.keys(value).length === 0 ? { kind: "pong" } : { rule: "CMD1", problem: "command must be known" };
  }
  if (methods.length > 1) return { rule: "CMD2", problem: "a command must have one method" };
  const body = value[method];
  if (!isFields(body)) return { rule: "CMD4", problem: `${method} must be an object` };
  const id = commandId(value["id"], method);
  if (typeof id !== "number") return id;
  return decodeBody({ id, body, line, method });
}

function decodeBody(parts: CommandParts): Decoded {
  try {
    return METHODS.get(parts.method)?.(parts) ?? { rule: "CMD1", problem: "command must be known" };
  } catch (error) {
    if (error instanceof FieldProblem) return error.refusal;
    throw error;
  }
}

function parseObject(line: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return isFields(value) ? value : undefined;
  } catch {
    // Not JSON: the caller refuses the frame by its rule.
    return undefined;
  }
}

function commandId(id: unknown, method: string): number | FrameRefusal {
  if (method === "send" && (id === undefined || id === 0)) return 0;
  if (typeof id === "number" && Number.isInteger(id) && id >= 1 && id <= MAX_COMMAND_ID) return id;
  return { rule: "CMD3", problem: "id must be an integer from 1 to 4294967295" };
}

interface CommandParts {
  readonly id: number;
  readonly body: Fields;
  readonly line: string;
  readonly method: string;
}

type DecodeMethod = (parts: CommandParts) => Command;

const METHODS: ReadonlyMap<string, DecodeMethod> = new Map<string, DecodeMethod>([
  ["connect", decodeConnect],
  ["subscribe", decodeSubscribe],
  ["unsubscribe", ({ id, body }): Command => ({ kind: "unsubscribe", id, channel: textOf(body, "channel") })],
  ["publish", decodePublish],
  ["presence", ({ id, body }): Command => ({ kind: "presence", id, channel: textOf(body, "channel") })],
  ["presence_stats", ({ id, body }): Command => ({ kind: "presence_stats", id, channel: textOf(body, "channel") })],
  ["history", decodeHistory],
  ["ping", ({ id }): Command => ({ kind: "ping", id })],
  ["send", ({ id, line }): Command => ({ kind: "send", id, data: payload(line, ["send", "data"]) ?? NO_DATA })],
  ["rpc", decodeRpc],
  ["refresh", ({ id, body }): Command => ({ kind: "refresh", id, token: textOf(body, "token") })],
  ["sub_refresh", decodeSubRefresh],
]);

function decodeConnect({ id, body, line }: CommandParts): ConnectCommand {
  const token = textOf(body, "token");
  const data = payload(line, ["connect", "data"]);
  const subTexts = rawMembers(line, ["connect", "subs"]);
  const subs = entriesOf(body, "subs", (value, channel) => {
    if (!isFields(value)) throw new FieldProblem("subs", "an object of objects");
    return subscribeRequest(value, subTexts.get(channel) ?? "", []);
  });
  const headers = entriesOf(body, "headers", (value) => {
    if (typeof value !== "string") throw new FieldProblem("headers", "an object of strings");
    return value;
  });
  const belay = connectExtensions(body);
  return {
    kind: "connect",
    id,
    ...(token !== "" && { token }),
    ...(data !== undefined && { data }),
    ...(subs.size > 0 && { subs }),
    ...(headers.size > 0 && { headers }),
    name: textOf(body, "name"),
    version: textOf(body, "version"),
    ...(belay !== undefined && { belay }),
  };
}

function decodeSubscribe({ id, body, line }: CommandParts): Command {
  return { kind: "subscribe", id, channel: textOf(body, "channel"), ...subscribeRequest(body, line, ["subscribe"]) };
}

function subscribeRequest(body: Fields, line: string, path: readonly string[]): SubscribeRequest {
  const data = payload(line, [...path, "data"]);
  const filter = body["tf"];
  return {
    token: textOf(body, "token"),
    recover: flagOf(body, "recover"),
    offset: integerOf(body, "offset"),
    epoch: textOf(body, "epoch"),
    positioned: flagOf(body, "positioned"),
    recoverable: flagOf(body, "recoverable"),
    joinLeave: flagOf(body, "join_leave"),
    delta: textOf(body, "delta"),
    type: integerOf(body, "type"),
    rejectUnrecovered: (integerOf(body, "flag") & FLAG_REJECT_UNRECOVERED) !== 0,
    ...(data !== undefined && { data }),
    ...(filter !== undefined && filter !== null && { tagsFilter: filterNode(filter) }),
  };
}

/** As deep as a command may nest, which was checked before. */
function filterNode(value: unknown): FilterNode {
  if (!isFields(value)) throw new FieldProblem("tf", "an object");
  const nodes = value["nodes"] ?? [];
  if (!Array.isArray(nodes)) throw new FieldProblem("tf.nodes", "a list");
  return {
    op: textOf(value, "op"),
    key: textOf(value, "key"),
    cmp: textOf(value, "cmp"),
    val: textOf(value, "val"),
    vals: textsOf(value, "vals"),
    nodes: nodes.map((node) => filterNode(node)),
  };
}

function decodePublish({ id, body, line }: CommandParts): Command {
  const channel = textOf(body, "channel");
  const type = integerOf(body, "type");
  const data = payload(line, ["publish", "data"]);
  // Other kinds may come without data, and are refused as a whole (CMD8).
  if (type !== 0) return { kind: "publish", id, channel, data: data ?? NO_DATA, type };
  if (data === undefined) throw new FieldProblem("data", "there");
  const key = publishKey(body);
  return { kind: "publish", id, channel, data, ...(key !== undefined && { key }) };
}

function decodeHistory({ id, body }: CommandParts): HistoryCommand {
  const since = body["since"] ?? undefined;
  if (since !== undefined && !isFields(since)) throw new FieldProblem("since", "an object");
  return {
    kind: "history",
    id,
    channel: textOf(body, "channel"),
    limit: integerOf(body, "limit", -1),
    reverse: flagOf(body, "reverse"),
    ...(since !== undefined && { since: { offset: integerOf(since, "offset"), epoch: textOf(since, "epoch") } }),
  };
}

function decodeRpc({ id, body, line }: CommandParts): Command {
  const data = payload(line, ["rpc", "data"]);
  return { kind: "rpc", id, method: textOf(body, "method"), ...(data !== undefined && { data }) };
}

function decodeSubRefresh({ id, body }: CommandParts): Command {
  const type = integerOf(body, "type");
  const renewal = { channel: textOf(body, "channel"), token: textOf(body, "token") };
  return { kind: "sub_refresh", id, ...renewal, ...(type !== 0 && { type }) };
}

/** The JSON text of a member as it stands in the line. */
function payload(line: string, path: readonly string[]): Payload | undefined {
  const raw = rawMember(line, path);
  return raw === undefined ? undefined : bytes.encode(withoutNewlines(raw));
}
