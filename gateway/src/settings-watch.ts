import { type FSWatcher, watch } from "node:fs";
import { dirname } from "node:path";
import type { ConfigRefusal } from "@belay/protocol/control";
import { ConfigCompiler } from "./config-compiler.ts";
import { type LoadedSettings, loadSettings, type Settings, type SettingsSource } from "./settings.ts";

/** How often the files are read even if no watcher spoke: Kubernetes swaps links below a mount, which watchers may miss. */
const POLL_MS = 1000;

/** Settings read from files again and again. A version with a problem is refused as a whole; the last good one stays. */
export class WatchedSettings implements SettingsSource, Disposable {
  readonly #path: string;
  readonly #changeListeners: ((settings: Settings) => void)[] = [];
  readonly #refusalListeners: ((problems: readonly string[]) => void)[] = [];
  readonly #watchers = new Map<string, FSWatcher>();
  readonly #poll: NodeJS.Timeout;
  #current: Settings;
  readonly #compiler = new ConfigCompiler();
  #refusal: ConfigRefusal | undefined;
  #isReading = false;
  #isStale = false;

  constructor(path: string, loaded: Extract<LoadedSettings, { ok: true }>) {
    this.#path = path;
    this.#current = loaded.settings;
    this.#watch(loaded.files);
    this.#poll = setInterval(() => void this.#read(), POLL_MS);
    this.#poll.unref();
  }

  get current(): Settings {
    return this.#current;
  }

  get refusal(): ConfigRefusal | undefined {
    return this.#refusal;
  }

  onChange(listener: (settings: Settings) => void): void {
    this.#changeListeners.push(listener);
  }

  onRefused(listener: (problems: readonly string[]) => void): void {
    this.#refusalListeners.push(listener);
  }

  async #read(): Promise<void> {
    // What is being read may be older than what called: it is read once more.
    this.#isStale = true;
    if (this.#isReading) return;
    this.#isReading = true;
    while (this.#isStale) {
      this.#isStale = false;
      this.#take(await loadSettings(this.#path, this.#compiler));
    }
    this.#isReading = false;
  }

  #take(loaded: LoadedSettings): void {
    if (!loaded.ok) {
      const refusal = { hash: loaded.configHash, problems: loaded.problems };
      if (JSON.stringify(refusal) === JSON.stringify(this.#refusal)) return;
      this.#refusal = refusal;
      for (const listener of this.#refusalListeners) listener(loaded.problems);
      return;
    }
    this.#refusal = undefined;
    if (fingerprint(loaded.settings) === fingerprint(this.#current)) return;
    this.#current = loaded.settings;
    this.#watch(loaded.files);
    for (const listener of this.#changeListeners) listener(loaded.settings);
  }

  /** Watches directories, because files are replaced by renames. */
  #watch(files: readonly string[]): void {
    for (const directory of new Set(files.map((file) => dirname(file)))) {
      if (!this.#watchers.has(directory)) this.#watchDirectory(directory);
    }
  }

  /** Where the system grants no watcher (its number is limited) or takes it back the poll is enough. */
  #watchDirectory(directory: string): void {
    try {
      const watcher = watch(directory, { persistent: false }, () => void this.#read());
      watcher.on("error", () => {
        watcher.close();
        this.#watchers.delete(directory);
      });
      this.#watchers.set(directory, watcher);
    } catch {
      // As above: the poll reads the files anyway.
    }
  }

  [Symbol.dispose](): void {
    clearInterval(this.#poll);
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }
}

/** `channels` is made from the configuration alone. */
function fingerprint({ hmacSecret, tokenKeys = [], channels: _channels, ...rest }: Settings): string {
  const keys = tokenKeys.map(({ key, algorithms, kid }) => [key.export({ format: "jwk" }), [...algorithms], kid]);
  return JSON.stringify([rest, hmacSecret === undefined ? "" : Buffer.from(hmacSecret).toString("base64"), keys]);
}
