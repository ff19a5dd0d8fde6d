/** Fetches a key set, by its URL or by OpenID Connect discovery. Bounded in time and size; nothing it gets is trusted. */
import { once } from "node:events";
import { get as getPlain, type IncomingMessage } from "node:http";
import { get as getSecurely } from "node:https";
import { getCACertificates } from "node:tls";
import { z } from "zod";
import { type KeyPins, parseKeySet, type VerificationKey } from "./verification-key.ts";

/** Where keys come from: a URL, or an issuer whose discovery document names it. */
export type JwksLocation = ({ readonly url: string } | { readonly issuer: string; readonly discover: true }) &
  Pick<KeyPins, "algorithms" | "issuer"> & {
    /** PEM certificates trusted besides the usual ones. */
    readonly ca?: string | undefined;
  };

export type JwksFailure = "unreachable" | "timeout" | "status" | "too-large" | "invalid";

export type FetchedKeys =
  | { readonly ok: true; readonly keys: readonly VerificationKey[] }
  | { readonly ok: false; readonly failure: JwksFailure };

export interface FetchBounds {
  /** For everything together, milliseconds. */
  readonly timeoutMs: number;
  /** For each document. */
  readonly maxBytes: number;
}

type Asking = FetchBounds & { readonly signal: AbortSignal; readonly ca: string | undefined };

type Fetched = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly failure: JwksFailure };

const discovery = z.looseObject({ issuer: z.string(), jwks_uri: z.url({ protocol: /^https?$/ }) });

/** Never rejects. */
export async function fetchKeys(
  location: JwksLocation,
  bounds: FetchBounds,
  closed: AbortSignal,
): Promise<FetchedKeys> {
  const signal = AbortSignal.any([closed, AbortSignal.timeout(bounds.timeoutMs)]);
  const asking = { ...bounds, signal, ca: location.ca };
  const found = "url" in location ? { ok: true as const, url: location.url } : await discover(location.issuer, asking);
  if (!found.ok) return found;
  const fetched = await fetchJson(found.url, asking);
  if (!fetched.ok) return fetched;
  const parsed = parseKeySet(fetched.value, location, false);
  return parsed.ok ? parsed : { ok: false, failure: "invalid" };
}

/** OpenID Connect Discovery 1.0 §4: the document must name the very issuer that was asked. */
async function discover(
  issuer: string,
  asking: Asking,
): Promise<{ readonly ok: true; readonly url: string } | { readonly ok: false; readonly failure: JwksFailure }> {
  const fetched = await fetchJson(`${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`, asking);
  if (!fetched.ok) return fetched;
  const document = discovery.safeParse(fetched.value);
  if (!document.success || document.data.issuer !== issuer) return { ok: false, failure: "invalid" };
  const url = document.data.jwks_uri;
  // An issuer reached over TLS must not lead to keys that anybody on the way could have written.
  if (issuer.startsWith("https:") && !url.startsWith("https:")) return { ok: false, failure: "invalid" };
  return { ok: true, url };
}

/** Redirects are not followed: they could lead anywhere, also to where only this pod may go. */
async function fetchJson(url: string, asking: Asking): Promise<Fetched> {
  try {
    const response = await request(url, asking);
    if (response.statusCode === 200) return await readJson(response, asking.maxBytes);
    response.destroy();
    return { ok: false, failure: "status" };
  } catch {
    // What failed is in the outcome; the library's text may hold addresses that the log must not repeat.
    return { ok: false, failure: asking.signal.aborted ? "timeout" : "unreachable" };
  }
}

async function request(url: string, { ca, signal }: Asking): Promise<IncomingMessage> {
  const options = { signal, agent: false, headers: { accept: "application/json" } } as const;
  const trusted = ca === undefined ? {} : { ca: [...getCACertificates("default"), ca] };
  const asked = url.startsWith("https:") ? getSecurely(url, { ...options, ...trusted }) : getPlain(url, options);
  // What goes wrong after the response has begun shows in reading it; without a listener it would end the process.
  asked.on("error", () => undefined);
  const [response] = (await once(asked, "response")) as [IncomingMessage];
  return response;
}

/** Leaving the loop early ends the connection, so that no more of an endless body is read. */
async function readJson(body: AsyncIterable<Uint8Array>, maxBytes: number): Promise<Fetched> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.byteLength;
    if (bytes > maxBytes) return { ok: false, failure: "too-large" };
    chunks.push(chunk);
  }
  try {
    return { ok: true, value: JSON.parse(Buffer.concat(chunks).toString("utf8")) };
  } catch {
    // A page of a proxy, most likely.
    return { ok: false, failure: "invalid" };
  }
}
