import { createHmac } from "node:crypto";
import { loginText } from "@belay/protocol/control";

/** Hexadecimal digits: 64 bits. */
const LENGTH = 16;

/** What gateways report that log in to Redis and to its sentinels by this password (see ConfigReport). */
export function loginFingerprint(token: string, password: string): string {
  return createHmac("sha256", token).update(loginText({ password }, { password })).digest("hex").slice(0, LENGTH);
}
