import { Agent as PlainAgent, type IncomingMessage, request as requestPlain, type RequestOptions } from "node:http";
import { Agent as SecureAgent, request as requestSecurely } from "node:https";
import { getCACertificates } from "node:tls";
import type { Clock } from "../clock.ts";
import type { Settings, SettingsSource } from "../settings.ts";
import type { HookFailure, HookPost, HookResponse, HookTransport } from "./hook-transport.ts";
import { SIGNATURE_HEADER, signatureOf, TIMESTAMP_HEADER } from "./hook-signature.ts";
import type { HookName } from "./hooks.ts";

/** Idle connections are closed here before servers do it (Node's after 5 s): a request into a closing one would be lost. */
const IDLE_MS = 4000;
const MAX_IDLE_CONNECTIONS = 64;
/** An intermediary says that the application cannot be reached; the request has not acted. */
const UNAVAILABLE: ReadonlySet<number> = new Set([502, 503, 504]);

/**
 * Posts to the application's URLs with Node's own client: kept connections, no redirects (they could lead anywhere, also to where
 * only this pod may go), no proxies of the environment, nothing decompressed.
 */
export class HttpHookTransport implements HookTransport {
  readonly #settings: Pick<SettingsSource, "current">;
  readonly #clock: Pick<Clock, "date">;
  readonly #plain = new PlainAgent({ keepAlive: true, maxFreeSockets: MAX_IDLE_CONNECTIONS, timeout: IDLE_MS });
  #secure: { readonly ca: string | undefined; readonly agent: SecureAgent } | undefined;

  constructor(settings: Pick<SettingsSource, "current">, clock: Pick<Clock, "date">) {
    this.#settings = settings;
    this.#clock = clock;
  }

  has(name: HookName): boolean {
    return this.#settings.current.config.hooks[name] !== undefined;
  }

  async post(name: HookName, { body, headers, signal }: HookPost): Promise<HookResponse> {
    const { current } = this.#settings;
    const hook = current.config.hooks[name];
    if (hook === undefined) return { ok: false, failure: "fault", detail: "no such hook" };
    const url = new URL(hook.url);
    try {
      const response = await this.#send(url, body, {
        method: "POST",
        signal,
        agent: url.protocol === "https:" ? this.#secureAgent(current) : this.#plain,
        headers: { ...headers, ...this.#ownHeaders(body, current) },
      });
      return await readAnswer(response, hook.maxResponseBytes);
    } catch (error) {
      return { ok: false, ...failureOf(error, signal) };
    }
  }

  close(): void {
    this.#plain.destroy();
    this.#secure?.agent.destroy();
  }

  #send(url: URL, body: string, options: RequestOptions): Promise<IncomingMessage> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const send = url.protocol === "https:" ? requestSecurely : requestPlain;
    const asked = send(url, options);
    asked.on("response", resolve);
    // What goes wrong after the response has begun shows in reading it too.
    asked.on("error", (error) => reject(asked.reusedSocket ? new StaleConnectionError({ cause: error }) : error));
    // An answer that switches protocols brings neither response nor error, only the end.
    asked.on("close", () => reject(new Error("closed without an answer")));
    asked.end(body);
    return promise;
  }

  #ownHeaders(body: string, { hookSecrets = [] }: Settings): Readonly<Record<string, string | number>> {
    const own = {
      "content-type": "application/json",
      "content-length": Buffer.byteLength(body),
      accept: "application/json",
    };
    if (hookSecrets.length === 0) return own;
    const timestamp = Math.floor(this.#clock.date().getTime() / 1000);
    return {
      ...own,
      [TIMESTAMP_HEADER]: timestamp,
      [SIGNATURE_HEADER]: signatureOf(hookSecrets, timestamp, body),
    };
  }

  #secureAgent({ hookCa }: Settings): SecureAgent {
    if (this.#secure !== undefined && this.#secure.ca === hookCa) return this.#secure.agent;
    this.#secure?.agent.destroy();
    const agent = new SecureAgent({
      keepAlive: true,
      maxFreeSockets: MAX_IDLE_CONNECTIONS,
      timeout: IDLE_MS,
      ...(hookCa !== undefined && { ca: [...getCACertificates("default"), hookCa] }),
    });
    this.#secure = { ca: hookCa, agent };
    return agent;
  }
}

/** A kept connection that the server was closing: most likely it has not read the request. */
class StaleConnectionError extends Error {
  override readonly name = "StaleConnectionError";
  readonly code = "STALE";

  constructor(options: ErrorOptions) {
    super("a kept connection was closed", options);
  }
}

/** Leaving the loop early ends the connection, so that no more of an endless body is read. */
async function readAnswer(response: IncomingMessage, maxBytes: number): Promise<HookResponse> {
  const { statusCode = 0 } = response;
  if (statusCode !== 200) {
    // What a status means is not in the body, and reading it could take for ever.
    response.destroy();
    const failure: HookFailure = UNAVAILABLE.has(statusCode) ? "unavailable" : "status";
    const isOfRequest = statusCode >= 400 && statusCode < 500;
    return { ok: false, failure, detail: `status ${statusCode}`, isOfRequest };
  }
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength;
    if (bytes > maxBytes) return { ok: false, failure: "too-large", detail: `over ${maxBytes} bytes` };
    chunks.push(chunk);
  }
  return { ok: true, text: Buffer.concat(chunks).toString("utf8") };
}

/** Nobody has been reached: another request goes elsewhere, or comes to a server that is there again. */
const NOT_REACHED: ReadonlySet<string> = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "STALE"]);

function failureOf(error: unknown, signal: AbortSignal): { readonly failure: HookFailure; readonly detail: string } {
  if (signal.aborted) return { failure: "timeout", detail: "no answer in time" };
  const code = error instanceof Error && "code" in error ? String(error.code) : "unknown";
  return { failure: NOT_REACHED.has(code) ? "refused-connection" : "unreachable", detail: code };
}
