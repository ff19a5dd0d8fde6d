import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { rolldown } from "rolldown";

export interface PageServer extends AsyncDisposable {
  /** `http://127.0.0.1:…/`. */
  readonly url: string;
}

/** Serves a page whose one script is `entry` (TypeScript, with JSX or without) with everything that it imports. */
export async function servePage(entry: string): Promise<PageServer> {
  const script = await bundlePage(entry);
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    const isScript = request.url === "/page.js";
    response.setHeader("Content-Type", isScript ? "text/javascript; charset=utf-8" : "text/html; charset=utf-8");
    response.end(
      isScript ? script : '<!doctype html><body><div id="root"></div><script type="module" src="/page.js"></script>',
    );
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    [Symbol.asyncDispose]: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

/** One module with everything that it imports, as JavaScript for a browser. */
export async function bundlePage(input: string): Promise<string> {
  await using build = await rolldown({
    input,
    platform: "browser",
    resolve: { conditionNames: ["@belay/source", "import", "module", "browser", "default"] },
    transform: { define: { "process.env.NODE_ENV": '"development"' } },
    logLevel: "warn",
  });
  const { output } = await build.generate({ format: "esm", codeSplitting: false });
  return output[0].code;
}
