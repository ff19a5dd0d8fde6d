import type { Logger } from "pino";
import type { Clock } from "../clock.ts";
import type { SettingsSource } from "../settings.ts";
import { ApplicationHooks, type HookObserver, type HookPolicy } from "./application-hooks.ts";
import type { HookTransport } from "./hook-transport.ts";
import { HttpHookTransport } from "./http-hook-transport.ts";
import type { HookName } from "./hooks.ts";

export interface OpenHooksOptions {
  readonly settings: Pick<SettingsSource, "current">;
  readonly clock: Clock;
  readonly log: Logger;
  /** Instead of HTTP. */
  readonly transport: HookTransport | undefined;
  readonly observer: () => HookObserver;
}

/** For a module in this process; a debugger may hold it for a while. */
const MODULE_POLICY: HookPolicy = {
  target: "module",
  timeoutMs: 10_000,
  maxRunning: 64,
  maxWaiting: 1024,
  headers: ["cookie", "authorization", "user-agent", "origin"],
  encoding: "json",
};

/** The hooks of the configuration, or of a module. */
export function openHooks({ settings, clock, log, transport, observer }: OpenHooksOptions): ApplicationHooks {
  const policyOf = (hook: HookName): HookPolicy | undefined => {
    const rule = settings.current.config.hooks[hook];
    return rule && { ...rule, target: rule.url, maxRunning: rule.concurrency };
  };
  return new ApplicationHooks({
    transport: transport ?? new HttpHookTransport(settings, clock),
    policyOf: transport === undefined ? policyOf : (hook) => (transport.has(hook) ? MODULE_POLICY : undefined),
    clock,
    log,
    observer: { onAnswered: (...answered) => observer().onAnswered(...answered) },
  });
}
