import { createChatServer } from "./chat-server.ts";
import { parseConfig } from "./config.ts";

const parsed = parseConfig(process.env, import.meta.dirname);
if (parsed.ok) {
  const server = createChatServer(parsed.config, (error) => {
    console.error(JSON.stringify({ level: "error", msg: "request failed", error: String(error) }));
  });
  server.listen(parsed.config.port, () => {
    console.log(JSON.stringify({ level: "info", msg: "chat page listens", port: parsed.config.port }));
  });
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.once(signal, () => {
      server.close();
      server.closeIdleConnections();
    });
  }
} else {
  for (const problem of parsed.problems) console.error(problem);
  process.exitCode = 2;
}
