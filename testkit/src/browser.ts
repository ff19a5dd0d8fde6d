import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BrowserContext, chromium } from "playwright-core";

// As root in a closed network: without these Chromium looks for its maker's servers at every start.
const flags: readonly string[] = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export interface Browser extends AsyncDisposable {
  readonly context: BrowserContext;
}

export interface BrowserOptions {
  /** Pages may do what their server's policy forbids them, but nothing that the same-origin policy does. */
  readonly bypassCSP?: boolean;
}

/** A real Chromium (`CHROMIUM`, default Debian's) with a profile of its own. */
export async function openBrowser({ bypassCSP = false }: BrowserOptions = {}): Promise<Browser> {
  const profile = await mkdtemp(join(tmpdir(), "belay-chromium-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
    headless: true,
    bypassCSP,
    args: [...flags],
  });
  return {
    context,
    [Symbol.asyncDispose]: async () => {
      await context.close();
      await rm(profile, { recursive: true, force: true });
    },
  };
}
