import { createHmac } from "node:crypto";
import { loginText } from "@belay/protocol/control";

/** Hexadecimal digits: 64 bits. */
const LENGTH = 16;

/** Tells logins apart without telling them (see ConfigReport). */
export function loginFingerprint(token: string, ...logins: Parameters<typeof loginText>): string {
  return createHmac("sha256", token)
    .update(loginText(...logins))
    .digest("hex")
    .slice(0, LENGTH);
}
