import type { Payload } from "./messages.ts";
import type { Format } from "./transport.ts";

/** A value of JSON in the form in which payloads are. */
export function jsonPayload(format: Format, value: unknown): Payload {
  return format === "json" ? value : new TextEncoder().encode(JSON.stringify(value));
}
