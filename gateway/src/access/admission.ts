/** Who may use the client port at all, before anything of the request is served (ORG, TLS, PRX). */
import type { IncomingMessage } from "node:http";
import type { TransportName } from "@belay/protocol/control";
import { type Client, clientBehind } from "./forwarded.ts";
import type { Networks } from "./networks.ts";
import type { CorsGrant, OriginPolicy } from "./origin-policy.ts";

export interface AdmissionRules {
  readonly origins: OriginPolicy;
  /** Proxies whose X-Forwarded-For and X-Forwarded-Proto are believed. */
  readonly forwardedFrom: Networks;
  readonly requiresTls: boolean;
  readonly transports: ReadonlySet<TransportName>;
}

export type AdmissionReason = "origin" | "plain_text" | "disabled";

export type Admission =
  | { readonly ok: true; readonly client: Client; readonly cors?: CorsGrant }
  | { readonly ok: false; readonly status: 403 | 404; readonly reason: AdmissionReason; readonly problem: string };

const PLAIN_TEXT: Admission = { ok: false, status: 403, reason: "plain_text", problem: "TLS is required" };
const ORIGIN: Admission = { ok: false, status: 403, reason: "origin", problem: "this origin is not allowed" };
const DISABLED: Admission = { ok: false, status: 404, reason: "disabled", problem: "no such path" };

/** Judges a request to a transport. @param peer who is at the other end of its connection. */
export function admitClient(
  { headers }: Pick<IncomingMessage, "headers">,
  peer: Client,
  transports: readonly TransportName[],
  rules: AdmissionRules,
): Admission {
  const client = clientBehind(peer, headers, rules.forwardedFrom);
  if (rules.requiresTls && !client.isSecure) return PLAIN_TEXT;
  const verdict = rules.origins.judge(headers.origin, headers.host);
  if (!verdict.isAllowed) return ORIGIN;
  if (!transports.some((name) => rules.transports.has(name))) return DISABLED;
  return { ok: true, client, ...(verdict.cors !== undefined && { cors: verdict.cors }) };
}

/** Judges any other request of the client port: only whether it came as it must. */
export function isTransportSecure(
  { headers }: Pick<IncomingMessage, "headers">,
  peer: Client,
  { requiresTls, forwardedFrom }: AdmissionRules,
): boolean {
  return !requiresTls || clientBehind(peer, headers, forwardedFrom).isSecure;
}

/** Seconds for which a browser need not ask again; browsers cap it at two hours. */
const PREFLIGHT_SECONDS = 7200;
/** A comma-separated list of header names, as a browser sends it. */
const HEADER_NAMES = /^[-!#$%&'*+.0-9A-Z^_`a-z|~, ]{1,1024}$/;

/** What a page of an allowed origin is told with every answer (ORG3). */
export function corsHeaders(cors: CorsGrant | undefined): Readonly<Record<string, string>> {
  if (cors === undefined) return { Vary: "Origin" };
  return {
    Vary: "Origin",
    "Access-Control-Allow-Origin": cors.origin,
    ...(cors.withCredentials && { "Access-Control-Allow-Credentials": "true" }),
  };
}

/** The answer to the question that a browser asks before the request (ORG4). */
export function preflightHeaders(
  { headers }: Pick<IncomingMessage, "headers">,
  methods: readonly string[],
): Readonly<Record<string, string>> {
  const asked = headers["access-control-request-headers"];
  return {
    "Access-Control-Allow-Methods": methods.join(", "),
    "Access-Control-Max-Age": String(PREFLIGHT_SECONDS),
    ...(asked !== undefined && HEADER_NAMES.test(asked) && { "Access-Control-Allow-Headers": asked }),
  };
}
