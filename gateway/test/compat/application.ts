import type { HooksConfig } from "@belay/protocol/control";
import { HookServer, json } from "../hook-server.ts";

const SESSION_HEADER = "X-Session";

/** An application behind webhooks: it knows people by a header, and serves a few methods. */
export async function startApplication(): Promise<{ readonly server: HookServer; readonly hooks: HooksConfig }> {
  const server = await HookServer.start();
  server.on("/connect", (response, seen) => {
    const session = seen.headers[SESSION_HEADER.toLowerCase()];
    const result =
      session === undefined ? { user: "" } : { user: session, data: { hello: session, asked: seen.json["data"] } };
    json({ result })(response, seen);
  });
  server.on("/rpc", (response, seen) => {
    const { method, data, user } = seen.json;
    if (method === "double") json({ result: { data: { user, twice: 2 * Number(data) } } })(response, seen);
    else json({ error: { code: 1404, message: "no such method" } })(response, seen);
  });
  // Two busy cores: nothing here is about time.
  const slowly = { timeoutMs: 10_000 };
  const hooks = {
    connect: server.hook("/connect", { headers: [SESSION_HEADER], ...slowly }),
    rpc: server.hook("/rpc", slowly),
  };
  return { server, hooks };
}
