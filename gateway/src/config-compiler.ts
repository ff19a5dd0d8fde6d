/** From the text of a configuration file to what the gateway works with. */
import { configHash } from "@belay/protocol/control";
import { compileNamespaces } from "./channels/compile-namespaces.ts";
import type { ChannelTable } from "./channels/namespace.ts";
import { type Config, parseConfig } from "./config.ts";

export type CompiledConfig = { readonly hash: string } & (
  | { readonly ok: true; readonly config: Config; readonly channels: ChannelTable }
  | { readonly ok: false; readonly problems: readonly string[] }
);

/** Remembers the last text: the file is read every second, and compiling schemas takes its time. */
export class ConfigCompiler {
  #last: { readonly text: string; readonly compiled: Promise<CompiledConfig> } | undefined;

  /** Never rejects. */
  compile(text: string): Promise<CompiledConfig> {
    if (this.#last?.text !== text) this.#last = { text, compiled: compile(text) };
    return this.#last.compiled;
  }
}

async function compile(text: string): Promise<CompiledConfig> {
  const hash = configHash(text);
  const parsed = parseConfig(text);
  if (!parsed.ok) return { ...parsed, hash };
  const channels = await compileNamespaces(parsed.config.channels);
  if (!channels.ok) return { ...channels, hash };
  return { ok: true, hash, config: parsed.config, channels: channels.table };
}
