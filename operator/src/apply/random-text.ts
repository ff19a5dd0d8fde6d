import { randomBytes } from "node:crypto";

/** 256 bits as 43 characters that need no escaping in URLs, headers and Redis commands. */
export function randomText(): string {
  return randomBytes(32).toString("base64url");
}
