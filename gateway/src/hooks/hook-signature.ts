import { createHmac } from "node:crypto";

/** When the request was signed, seconds since 1970. */
export const TIMESTAMP_HEADER = "belay-timestamp";
/** `v1=<hex>`, one for each secret, separated by commas. */
export const SIGNATURE_HEADER = "belay-signature";

/** HMAC-SHA256 over `<timestamp>.<body>` with each secret, so that the application can change to another one at leisure. */
export function signatureOf(secrets: readonly string[], timestamp: number, body: string): string {
  return secrets
    .map((secret) => `v1=${createHmac("sha256", secret).update(`${timestamp}.`).update(body).digest("hex")}`)
    .join(",");
}
