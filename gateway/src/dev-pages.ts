/** The chat example, served by the gateway itself while someone develops: the page, its bundle and tokens for any name. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { SignJWT } from "jose";
import { rolldown } from "rolldown";
import { send, sendJson, sendText } from "./http/answer.ts";
import type { Route, Router } from "./http/http-server.ts";
import { splitUrl, WEBSOCKET_PATH } from "./transport/handshake.ts";

export interface DevPagesOptions {
  /** Folder of the example, with `public/index.html` and `src/page.ts`. */
  readonly folder: string;
  readonly hmacSecret: Uint8Array;
}

const TOKEN_LIFETIME = "1h";

export async function devPages({ folder, hmacSecret }: DevPagesOptions): Promise<Router> {
  const [page, script] = await Promise.all([
    readFile(join(folder, "public/index.html"), "utf8"),
    bundle(join(folder, "src/page.ts")),
  ]);
  const routes = new Map<string, Route>([
    ["/", fixed("text/html; charset=utf-8", page)],
    ["/page.js", fixed("text/javascript; charset=utf-8", script)],
    ["/token", tokenRoute(hmacSecret)],
  ]);
  return (path) => routes.get(path);
}

function fixed(type: string, body: string): Route {
  return {
    methods: ["GET"],
    serve: (request, response) => {
      send(request, response, { status: 200, type, body });
      return undefined;
    },
  };
}

/** Whoever asks gets a token for the name given: this runs on a developer's own machine only. */
function tokenRoute(hmacSecret: Uint8Array): Route {
  return {
    methods: ["GET"],
    serve: async (request, response) => {
      const user = splitUrl(request.url ?? "").query.get("user") ?? "";
      if (user === "") {
        sendText(request, response, 400, "user must be given");
        return;
      }
      const token = await new SignJWT({})
        .setProtectedHeader({ alg: "HS256" })
        .setSubject(user)
        .setIssuedAt()
        .setExpirationTime(TOKEN_LIFETIME)
        .sign(hmacSecret);
      const url = `ws://${request.headers.host ?? "localhost"}${WEBSOCKET_PATH}`;
      sendJson(request, response, 200, JSON.stringify({ url, token }));
    },
  };
}

async function bundle(input: string): Promise<string> {
  const build = await rolldown({
    input,
    platform: "browser",
    resolve: { conditionNames: ["@belay/source", "import", "module", "browser", "default"] },
    logLevel: "warn",
  });
  const { output } = await build.generate({ format: "esm" });
  await build.close();
  return output[0].code;
}
