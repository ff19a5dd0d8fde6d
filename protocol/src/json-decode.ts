import { isDeeperThan, rawMember, withoutNewlines } from "./json-scan.ts";
import { MAX_COMMAND_ID, MAX_COMMANDS_PER_FRAME, MAX_NESTING } from "./limits.ts";
import type { Command, DecodedFrame, FrameRefusal, UnservedMethod } from "./messages.ts";

type Fields = Readonly<Record<string, unknown>>;
type Decoded = Command | FrameRefusal;

/** Decodes one text frame: commands, one per line. Never throws; the first bad command refuses the whole frame. */
export function decodeJsonFrame(text: string): DecodedFrame {
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
  return METHODS.get(method)?.(id, body, line) ?? { rule: "CMD1", problem: "command must be known" };
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

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function commandId(id: unknown, method: string): number | FrameRefusal {
  if (method === "send" && (id === undefined || id === 0)) return 0;
  if (typeof id === "number" && Number.isInteger(id) && id >= 1 && id <= MAX_COMMAND_ID) return id;
  return { rule: "CMD3", problem: "id must be an integer from 1 to 4294967295" };
}

type DecodeMethod = (id: number, body: Fields, line: string) => Decoded;

const METHODS: ReadonlyMap<string, DecodeMethod> = new Map<string, DecodeMethod>([
  ["connect", decodeConnect],
  ["subscribe", (id, body) => withChannel(body, (channel) => ({ kind: "subscribe", id, channel }))],
  ["unsubscribe", (id, body) => withChannel(body, (channel) => ({ kind: "unsubscribe", id, channel }))],
  ["publish", decodePublish],
  ["ping", (id): Command => ({ kind: "ping", id })],
  ...(["presence", "presence_stats", "history", "rpc", "refresh", "sub_refresh", "send"] as const).map(unserved),
]);

function unserved(method: UnservedMethod): [string, DecodeMethod] {
  return [method, (id): Command => ({ kind: "unserved", id, method })];
}

function decodeConnect(id: number, body: Fields): Decoded {
  const { token, name, version } = body;
  if (!isOptionalText(token) || !isOptionalText(name) || !isOptionalText(version)) {
    return { rule: "CMD4", problem: "connect.token, name and version must be strings" };
  }
  return {
    kind: "connect",
    id,
    ...(typeof token === "string" && token !== "" && { token }),
    ...(typeof name === "string" && { name }),
    ...(typeof version === "string" && { version }),
  };
}

function isOptionalText(value: unknown): value is string | null | undefined {
  return value === undefined || value === null || typeof value === "string";
}

function decodePublish(id: number, body: Fields, line: string): Decoded {
  const data = rawMember(line, ["publish", "data"]);
  if (data === undefined) return { rule: "CMD4", problem: "publish.data must be there" };
  return withChannel(body, (channel) => ({ kind: "publish", id, channel, data: withoutNewlines(data) }));
}

/** An absent channel reads as the empty name, which the command's handler refuses with an error reply (LIM2). */
function withChannel(body: Fields, make: (channel: string) => Command): Decoded {
  const channel = body["channel"] ?? "";
  return typeof channel === "string" ? make(channel) : { rule: "CMD4", problem: "channel must be a string" };
}
