import type { IncomingHttpHeaders } from "node:http";

/** Headers of a request with one text each; the few that Node keeps apart are joined as HTTP allows. */
export function plainHeaders(headers: IncomingHttpHeaders): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, typeof value === "string" ? value : value.join(", ")]],
    ),
  );
}
