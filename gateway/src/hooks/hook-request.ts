/** What a hook is sent: the JSON of Centrifugo's HTTP proxy, payloads in it as the client wrote them. Pure. */
import { isUtf8 } from "node:buffer";
import { withoutNewlines } from "@belay/protocol";
import type { ConnectRequest, HookClient, PublishRequest, RpcRequest, SubscribeRequest } from "./hooks.ts";

/** `json`: payloads that are JSON go as `data`, others as `b64data`. `binary`: all go as `b64data`. */
export type HookEncoding = "json" | "binary";

type Asking = Pick<HookClient, "client" | "transport" | "protocol">;

export function connectBody(request: ConnectRequest, encoding: HookEncoding): string {
  const { name, version, channels } = request;
  const payload = payloadOf(request, encoding);
  return body(request, payload, { name, version, ...(channels.length > 0 && { channels }) });
}

/** Of `refresh`. */
export function clientBody(client: HookClient, encoding: HookEncoding): string {
  return body(client, { encoding }, { user: client.user }, client.meta);
}

export function subscribeBody({ client, channel, data }: SubscribeRequest, encoding: HookEncoding): string {
  const payload = payloadOf({ protocol: client.protocol, data }, encoding);
  return body(client, payload, { user: client.user, channel }, client.meta);
}

export function subRefreshBody(client: HookClient, channel: string, encoding: HookEncoding): string {
  return body(client, { encoding }, { user: client.user, channel }, client.meta);
}

export function publishBody({ client, channel, data }: PublishRequest, encoding: HookEncoding): string {
  const payload = payloadOf({ protocol: client.protocol, data }, encoding);
  return body(client, payload, { user: client.user, channel }, client.meta);
}

export function rpcBody({ client, method, data }: RpcRequest, encoding: HookEncoding): string {
  const payload = payloadOf({ protocol: client.protocol, data }, encoding);
  return body(client, payload, { user: client.user, method }, client.meta);
}

interface PayloadText {
  readonly encoding: HookEncoding;
  /** JSON text as it came. */
  readonly json?: string;
  readonly b64data?: string;
}

function payloadOf(
  { protocol, data }: { readonly protocol: HookClient["protocol"]; readonly data?: Buffer | undefined },
  encoding: HookEncoding,
): PayloadText {
  if (data === undefined) return { encoding };
  const text = encoding === "json" ? jsonOf(data, protocol) : undefined;
  if (text !== undefined) return { encoding, json: text };
  return { encoding: "binary", b64data: data.toString("base64") };
}

/** A JSON client's payload has been parsed before; bytes of a Protobuf client may be anything. */
function jsonOf(data: Buffer, protocol: HookClient["protocol"]): string | undefined {
  // Read as text what is no UTF-8 would be changed.
  if (!isUtf8(data)) return undefined;
  const text = data.toString("utf8");
  if (protocol === "json" || isJson(text)) return withoutNewlines(text);
  return undefined;
}

export function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** The members are printed; `data` and `meta` are pasted, so that numbers and key order stay. */
function body(
  { client, transport, protocol }: Asking,
  { encoding, json, b64data }: PayloadText,
  fields: Readonly<Record<string, unknown>>,
  meta?: Buffer,
): string {
  const head = JSON.stringify({ client, transport, protocol, encoding, ...fields, b64data });
  const raw = [
    ...(json === undefined ? [] : [`,"data":${json}`]),
    ...(meta === undefined ? [] : [`,"meta":${meta.toString("utf8")}`]),
  ];
  return `${head.slice(0, -1)}${raw.join("")}}`;
}
