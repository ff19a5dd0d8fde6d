import type { HookFailure, HookPost, HookResponse, HookTransport } from "./hook-transport.ts";
import { HOOK_NAMES, type HookName } from "./hooks.ts";

/** What a hook function is handed besides the request: the client's headers that are passed on. */
interface HookContext {
  readonly headers: Readonly<Record<string, string>>;
}

/** Takes what a webhook is posted, parsed, and returns what a webhook answers. */
type HookFunction = (request: unknown, context: HookContext) => unknown;

/** Functions of a module; `sub_refresh` may be written either way. */
export type HookFunctions = ReadonlyMap<HookName, HookFunction>;

/** The functions among a module's exports. */
export function hookFunctionsOf(exported: Readonly<Record<string, unknown>>): HookFunctions {
  const functions = new Map<HookName, HookFunction>();
  for (const name of HOOK_NAMES) {
    const found = exported[name] ?? (name === "subRefresh" ? exported["sub_refresh"] : undefined);
    if (typeof found === "function") functions.set(name, found as HookFunction);
  }
  return functions;
}

/** Calls functions as if they were webhooks: they get parsed JSON, and what they return goes through the same checks. */
export class ModuleHookTransport implements HookTransport {
  readonly #functions: HookFunctions;

  constructor(functions: HookFunctions) {
    this.#functions = functions;
  }

  has(name: HookName): boolean {
    return this.#functions.has(name);
  }

  async post(name: HookName, { body, headers, signal }: HookPost): Promise<HookResponse> {
    const call = this.#functions.get(name);
    if (call === undefined) return failed("fault", "no such function");
    const { promise: ended, resolve } = Promise.withResolvers<HookResponse>();
    signal.addEventListener("abort", () => resolve(failed("timeout", "no answer in time")), { once: true });
    return Promise.race([ended, answerOf(call, JSON.parse(body), { headers })]);
  }

  close(): void {
    // Nothing is open.
  }
}

async function answerOf(call: HookFunction, request: unknown, context: HookContext): Promise<HookResponse> {
  try {
    const text: unknown = JSON.stringify(await call(request, context));
    return typeof text === "string" ? { ok: true, text } : failed("fault", "returned nothing");
  } catch (error) {
    return failed("fault", error instanceof Error ? error.message : "threw");
  }
}

function failed(failure: HookFailure, detail: string): HookResponse {
  return { ok: false, failure, detail };
}
