/** What a method of the server API is: the schema of its request, which is also its documentation, and what it does. */
import { ERROR, type ErrorReply, rawMember, withoutNewlines } from "@belay/protocol";
import type { z } from "zod";
import { RevocationLimitError, type Revocations } from "../auth/verifier.ts";
import { type Broker, BrokerUnavailableError } from "../broker/broker.ts";
import type { ChannelTable, Namespace } from "../channels/namespace.ts";
import type { Clock } from "../clock.ts";
import type { InboxDesk } from "../inbox/inbox-desk.ts";
import type { ClientControl } from "../node/client-control.ts";
import type { ClusterView } from "../node/cluster-view.ts";

/** What methods work with. */
export interface ApiBackend {
  readonly broker: Broker;
  readonly channels: () => ChannelTable;
  readonly control: ClientControl;
  readonly cluster: ClusterView;
  readonly revocations: Revocations;
  readonly clock: Clock;
  readonly inbox: Pick<InboxDesk, "isEnabled" | "send" | "sendToAll">;
}

export type ApiResult = { readonly result: RawResult } | { readonly error: ErrorReply };

/** JSON text, because payloads in it are passed through unread. */
type RawResult = string;

export interface ApiMethod<T = unknown> {
  /** Behind `/api/`, where it is not the method's name. */
  readonly path?: string;
  readonly summary: string;
  readonly request: z.ZodType<T>;
  readonly response: z.ZodType;
  /** Channels that the request names, for the scope of a key. */
  readonly channelsOf: (request: T) => readonly string[];
  /** `text` is the request's JSON text. */
  readonly run: (backend: ApiBackend, request: T, text: string) => Promise<ApiResult>;
}

/** Keeps the request's type between its schema and what is done with it. */
export function apiMethod<T>(method: ApiMethod<T>): ApiMethod {
  return method as ApiMethod;
}

export const EMPTY: ApiResult = { result: "{}" };

export function badRequest(message: string): { readonly error: ErrorReply } {
  return { error: { ...ERROR.badRequest, message } };
}

/** A temporary error while the broker is away, and a clear one where no more can be stored. */
export async function attempt(work: Promise<ApiResult>): Promise<ApiResult> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof BrokerUnavailableError) return { error: ERROR.internal };
    if (error instanceof RevocationLimitError) return { error: { ...ERROR.limitExceeded, message: error.message } };
    throw error;
  }
}

/** The namespace of a channel, or the error of a channel that none serves. */
export function namespaceOf(backend: ApiBackend, channel: string): Namespace | { readonly error: ErrorReply } {
  const lookup = backend.channels().find(channel);
  if (lookup.ok) return lookup.namespace;
  return lookup.reason === "badName" ? badRequest(lookup.problem) : { error: ERROR.unknownChannel };
}

/** The JSON text of a member, or the bytes of its base64 twin; undefined when neither is there. */
export function payloadOf(text: string, name: string): Buffer | undefined {
  const base64 = rawMember(text, [`b64${name}`]);
  if (base64 !== undefined) return Buffer.from(String(JSON.parse(base64)), "base64");
  const raw = rawMember(text, [name]);
  return raw === undefined || raw === "null" ? undefined : Buffer.from(withoutNewlines(raw));
}

/** `channel must be a string, was: 5`, for every problem. */
export function problemsOf({ issues }: z.ZodError): string {
  return issues.map((issue) => `${issue.path.join(".") || "request"} ${ruleOf(issue)}`).join("; ");
}

function ruleOf({ message, input }: z.core.$ZodIssue): string {
  const rule = message.startsWith("must ") ? message : `must be valid (${message})`;
  const shown = JSON.stringify(input) ?? "absent";
  return `${rule}, was: ${shown.length > 80 ? `${shown.slice(0, 77)}...` : shown}`;
}
