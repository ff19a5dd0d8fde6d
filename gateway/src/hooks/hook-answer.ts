/** What a hook answers: the JSON of Centrifugo's HTTP proxy. Types are strict, unknown members are ignored. Pure. */
import { isDeeperThan, MAX_NESTING, rawMember, rawMembers, withoutNewlines } from "@belay/protocol";
import { z } from "zod";
import type { ConnectionClaims } from "../auth/verifier.ts";
import type { Capability, ServerSubscription } from "../session/session.ts";
import { isJson } from "./hook-request.ts";
import type { HookAnswer, HookClient, HookName, HookRefusal, PublishDecision, RefreshAnswer } from "./hooks.ts";

/** Seconds since 1970 up to the end of the year 9999. */
const seconds = z.number().min(0).max(253_402_300_799);
const base64 = z.base64().nullish();
const flag = z.looseObject({ value: z.boolean().default(false) }).nullish();
const MAX_CHANNELS = 1024;

/** Longest text in a close frame (RFC 6455 §5.5) besides its code, bytes. */
const MAX_REASON_BYTES = 123;
const error = z.looseObject({
  code: z.int().min(1).max(0xffff_ffff),
  // An empty message makes one SDK fail.
  message: z
    .string()
    .max(1024)
    .nullish()
    .transform((text) => text || "refused"),
  temporary: z.boolean().nullish(),
});
const disconnect = z.looseObject({
  code: z.int().min(3000).max(4999),
  reason: z
    .string()
    .nullish()
    .transform((text) => plainReason(text ?? "")),
});
const envelope = z.looseObject({
  error: error.nullish(),
  disconnect: disconnect.nullish(),
  result: z.unknown().optional(),
});

const channelOptions = {
  expire_at: seconds.nullish(),
  b64info: base64,
  b64data: base64,
  override: z
    .looseObject({
      presence: flag,
      join_leave: flag,
      force_push_join_leave: flag,
      force_recovery: flag,
      force_positioning: flag,
    })
    .nullish(),
};
const capability = z.looseObject({
  channels: z.array(z.string()).max(MAX_CHANNELS),
  match: z.enum(["", "exact", "wildcard", "regex"]).nullish(),
  allow: z.array(z.enum(["pub", "sub", "prs", "hst"])),
});
const connectResult = z.looseObject({
  user: z.string().max(255).nullish(),
  expire_at: seconds.nullish(),
  b64info: base64,
  b64data: base64,
  channels: z.array(z.string()).max(MAX_CHANNELS).nullish(),
  subs: z.record(z.string(), z.looseObject(channelOptions)).nullish(),
  caps: z.array(capability).nullish(),
});
const subscribeResult = z.looseObject(channelOptions);
const refreshResult = z.looseObject({
  expired: z.boolean().nullish(),
  expire_at: seconds.nullish(),
  b64info: base64,
  caps: z.array(capability).nullish(),
});
const publishResult = z.looseObject({
  b64data: base64,
  handled: z.boolean().nullish(),
  skip_history: z.boolean().nullish(),
  tags: z.record(z.string(), z.string()).nullish(),
  idempotency_key: z.string().max(255).nullish(),
  delta: z.boolean().nullish(),
  version: z.int().min(0).nullish(),
  version_epoch: z.string().max(255).nullish(),
});
const rpcResult = z.looseObject({ b64data: base64 });

/** What each hook's answer says. */
export interface HookResults {
  readonly connect: { readonly claims: ConnectionClaims; readonly data?: Buffer };
  readonly refresh: Omit<Extract<RefreshAnswer, { ok: true }>, "ok">;
  readonly subscribe: { readonly subscription: ServerSubscription };
  readonly subRefresh: HookResults["refresh"];
  readonly publish: PublishDecision;
  readonly rpc: { readonly data?: Buffer };
}

type Protocol = HookClient["protocol"];
/** `text` is the JSON of `result` as the application wrote it. */
type Decoder<T> = (result: unknown, text: string, protocol: Protocol) => T | undefined;

const DECODERS: { readonly [N in HookName]: Decoder<HookResults[N]> } = {
  connect: (result, text, protocol) => {
    const parsed = connectResult.safeParse(result);
    return parsed.success ? connectOf(parsed.data, text, protocol) : undefined;
  },
  refresh: refreshOf,
  subscribe: (result, text, protocol) => {
    const parsed = subscribeResult.safeParse(result);
    const subscription = parsed.success ? subscriptionOf(parsed.data, text, protocol) : undefined;
    return subscription && { subscription };
  },
  subRefresh: refreshOf,
  publish: (result, text) => {
    const parsed = publishResult.safeParse(result);
    // Whether bytes that are not JSON may be published the namespace knows.
    return parsed.success ? publishOf(parsed.data, bytesOf(text, "data", parsed.data.b64data, "protobuf")) : undefined;
  },
  rpc: (result, text, protocol) => {
    const parsed = rpcResult.safeParse(result);
    if (!parsed.success) return undefined;
    const data = bytesOf(text, "data", parsed.data.b64data, protocol);
    return isFor(data, protocol) ? { ...(data && { data }) } : undefined;
  },
};

/**
 * Undefined for what is no answer. `protocol` is that of the client that the answer's data goes to: one that speaks JSON cannot be
 * sent anything else.
 */
export function decodeAnswer<N extends HookName>(
  name: N,
  text: string,
  protocol: Protocol,
): HookAnswer<HookResults[N]> | undefined {
  const parsed = envelope.safeParse(isDeeperThan(text, MAX_NESTING) ? undefined : jsonOf(text));
  if (!parsed.success) return undefined;
  const refusal = refusalOf(parsed.data);
  if (refusal !== undefined) return refusal;
  const result = DECODERS[name](parsed.data.result, rawMember(text, ["result"]) ?? "", protocol);
  return result === undefined ? undefined : { ok: true, ...result };
}

/** Disconnect goes before error, error before result. */
function refusalOf({ disconnect: close, error: reply }: z.infer<typeof envelope>): HookRefusal | undefined {
  if (close) return { ok: false, close: { code: close.code, reason: close.reason } };
  if (!reply) return undefined;
  const { code, message, temporary } = reply;
  return { ok: false, error: { code, message, ...(temporary === true && { temporary }) } };
}

/** A reason that parses as JSON would be read as instructions by one SDK, and one that is too long breaks the frame. */
function plainReason(text: string): string {
  const isTaken = text !== "" && Buffer.byteLength(text) <= MAX_REASON_BYTES && !isJson(text);
  return isTaken ? text : "disconnected";
}

function connectOf(
  result: z.infer<typeof connectResult>,
  text: string,
  protocol: Protocol,
): HookResults["connect"] | undefined {
  const subs = subsOf(result, text, protocol);
  const info = bytesOf(text, "info", result.b64info, "json");
  const data = bytesOf(text, "data", result.b64data, protocol);
  if (subs === undefined || !isFor(info, "json") || !isFor(data, protocol)) return undefined;
  const meta = memberBytes(text, "meta");
  const claims: ConnectionClaims = {
    user: result.user ?? "",
    ...(info && { connInfo: info }),
    ...expiryOf(result.expire_at),
    ...(meta && { meta }),
    ...(result.caps && { caps: result.caps.map(capabilityOf) }),
    ...(subs.size > 0 && { subs }),
  };
  return { claims, ...(data && { data }) };
}

/** `channels` and `subs` together; undefined when one of them is malformed. */
function subsOf(
  { channels, subs }: z.infer<typeof connectResult>,
  text: string,
  protocol: Protocol,
): ReadonlyMap<string, ServerSubscription> | undefined {
  const all = new Map<string, ServerSubscription>((channels ?? []).map((channel) => [channel, {}]));
  const texts = subs ? rawMembers(text, ["subs"]) : new Map<string, string>();
  for (const [channel, options] of Object.entries(subs ?? {})) {
    const subscription = subscriptionOf(options, texts.get(channel) ?? "", protocol);
    if (subscription === undefined) return undefined;
    all.set(channel, subscription);
  }
  return all.size > MAX_CHANNELS ? undefined : all;
}

function subscriptionOf(
  options: z.infer<typeof subscribeResult>,
  text: string,
  protocol: Protocol,
): ServerSubscription | undefined {
  const info = bytesOf(text, "info", options.b64info, "json");
  const data = bytesOf(text, "data", options.b64data, protocol);
  if (!isFor(info, "json") || !isFor(data, protocol)) return undefined;
  const override = overrideOf(options.override ?? {});
  return {
    ...(info && { info }),
    ...(data && { data }),
    ...expiryOf(options.expire_at),
    ...(Object.keys(override).length > 0 && { override }),
  };
}

function overrideOf(
  flags: NonNullable<z.infer<typeof subscribeResult>["override"]>,
): NonNullable<ServerSubscription["override"]> {
  return {
    ...(flags.presence && { presence: flags.presence.value }),
    ...(flags.join_leave && { joinLeave: flags.join_leave.value }),
    ...(flags.force_push_join_leave && { forceJoinLeave: flags.force_push_join_leave.value }),
    ...(flags.force_recovery && { forceRecovery: flags.force_recovery.value }),
    ...(flags.force_positioning && { forcePositioning: flags.force_positioning.value }),
  };
}

function refreshOf(result: unknown, text: string): HookResults["refresh"] | undefined {
  const parsed = refreshResult.safeParse(result);
  if (!parsed.success) return undefined;
  const { expired, expire_at: expireAt, b64info, caps } = parsed.data;
  const info = bytesOf(text, "info", b64info, "json");
  const meta = memberBytes(text, "meta");
  if (!isFor(info, "json")) return undefined;
  return {
    isExpired: expired ?? false,
    ...expiryOf(expireAt),
    ...(info && { info }),
    ...(meta && { meta }),
    ...(caps && { caps: caps.map(capabilityOf) }),
  };
}

function publishOf(result: z.infer<typeof publishResult>, data: Buffer | undefined): PublishDecision {
  const { version, version_epoch: epoch } = result;
  return {
    ...(data && { data }),
    ...(result.handled && { isHandled: true }),
    ...(result.tags && { tags: result.tags }),
    ...(result.skip_history && { isUnstored: true }),
    ...(result.idempotency_key && { idempotencyKey: result.idempotency_key }),
    ...(result.delta && { useDelta: true }),
    ...(version && { version: { number: version, epoch: epoch ?? "" } }),
  };
}

function capabilityOf({ channels, match, allow }: z.infer<typeof capability>): Capability {
  return { channels, match: match || "exact", allow };
}

/** 0: without an end. */
function expiryOf(expireAt: number | null | undefined): { readonly expiresAt?: number } {
  return expireAt ? { expiresAt: expireAt } : {};
}

/** `protocol` is that of who gets them. */
function bytesOf(
  text: string,
  name: string,
  inBase64: string | null | undefined,
  protocol: Protocol,
): Buffer | undefined {
  if (!inBase64) return memberBytes(text, name);
  const bytes = Buffer.from(inBase64, "base64");
  return protocol === "json" ? oneLine(bytes) : bytes;
}

/** JSON may hold line breaks between its tokens; in its strings they are escaped. */
function oneLine(bytes: Buffer): Buffer {
  const text = bytes.toString("utf8");
  return isJson(text) ? Buffer.from(withoutNewlines(text)) : bytes;
}

/** The JSON text as the application wrote it; null counts as absent. */
function memberBytes(text: string, name: string): Buffer | undefined {
  const raw = rawMember(text, [name]);
  return raw === undefined || raw === "null" ? undefined : Buffer.from(withoutNewlines(raw));
}

/** Bytes pasted into a JSON line must be JSON. */
function isFor(bytes: Buffer | undefined, protocol: Protocol): boolean {
  return bytes === undefined || protocol === "protobuf" || isJson(bytes.toString("utf8"));
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // A page of a proxy, most likely; the schema refuses it.
    return undefined;
  }
}
