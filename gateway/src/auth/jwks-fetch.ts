/** Fetches a key set, by its URL or by OpenID Connect discovery. Bounded in time and size; nothing it gets is trusted. */
import { z } from "zod";
import { type KeyPins, parseKeySet, type VerificationKey } from "./verification-key.ts";

/** Where keys come from: a URL, or an issuer whose discovery document names it. */
export type JwksLocation = ({ readonly url: string } | { readonly issuer: string; readonly discover: true }) &
  Pick<KeyPins, "algorithms" | "issuer">;

export type JwksFailure = "unreachable" | "timeout" | "status" | "too-large" | "invalid";

export type FetchedKeys =
  | { readonly ok: true; readonly keys: readonly VerificationKey[] }
  | { readonly ok: false; readonly failure: JwksFailure };

export interface FetchBounds {
  /** For everything together, milliseconds. */
  readonly timeoutMs: number;
  /** For each document, bytes after decompression. */
  readonly maxBytes: number;
}

type Fetched = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly failure: JwksFailure };

const discovery = z.looseObject({ issuer: z.string(), jwks_uri: z.url({ protocol: /^https?$/ }) });

/** Never rejects. */
export async function fetchKeys(
  location: JwksLocation,
  bounds: FetchBounds,
  closed: AbortSignal,
): Promise<FetchedKeys> {
  const signal = AbortSignal.any([closed, AbortSignal.timeout(bounds.timeoutMs)]);
  const found =
    "url" in location ? { ok: true as const, url: location.url } : await discover(location.issuer, bounds, signal);
  if (!found.ok) return found;
  const fetched = await fetchJson(found.url, bounds, signal);
  if (!fetched.ok) return fetched;
  const parsed = parseKeySet(fetched.value, location, false);
  return parsed.ok ? parsed : { ok: false, failure: "invalid" };
}

/** OpenID Connect Discovery 1.0 §4: the document must name the very issuer that was asked. */
async function discover(
  issuer: string,
  bounds: FetchBounds,
  signal: AbortSignal,
): Promise<{ readonly ok: true; readonly url: string } | { readonly ok: false; readonly failure: JwksFailure }> {
  const fetched = await fetchJson(`${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`, bounds, signal);
  if (!fetched.ok) return fetched;
  const document = discovery.safeParse(fetched.value);
  if (!document.success || document.data.issuer !== issuer) return { ok: false, failure: "invalid" };
  const url = document.data.jwks_uri;
  // An issuer reached over TLS must not lead to keys that anybody on the way could have written.
  if (issuer.startsWith("https:") && !url.startsWith("https:")) return { ok: false, failure: "invalid" };
  return { ok: true, url };
}

async function fetchJson(url: string, { maxBytes }: FetchBounds, signal: AbortSignal): Promise<Fetched> {
  try {
    // A redirect could lead anywhere, also to where only this pod may go.
    const response = await fetch(url, { signal, redirect: "error", headers: { accept: "application/json" } });
    if (!response.ok || response.body === null) {
      await response.body?.cancel();
      return { ok: false, failure: "status" };
    }
    return await readJson(response.body, maxBytes);
  } catch {
    // What failed is in the outcome; the library's text may hold addresses that the log must not repeat.
    return { ok: false, failure: signal.aborted ? "timeout" : "unreachable" };
  }
}

/** Leaving the loop early cancels the stream, so that no more of an endless body is read. */
async function readJson(body: ReadableStream<Uint8Array>, maxBytes: number): Promise<Fetched> {
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
