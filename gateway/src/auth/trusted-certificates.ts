import { X509Certificate } from "node:crypto";

const BLOCK = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;

/** What is wrong with a file of certificates to trust; undefined when each of them can be read. */
export function trustProblem(pem: string): string | undefined {
  const blocks = pem.match(BLOCK) ?? [];
  return blocks.length > 0 && blocks.every(isCertificate) ? undefined : "must be PEM certificates";
}

function isCertificate(block: string): boolean {
  try {
    return new X509Certificate(block).raw.length > 0;
  } catch {
    // Not one; the library's words would quote the file.
    return false;
  }
}
