import { createPrivateKey, X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";

/** PEM texts, checked to belong together. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** What is wrong with a certificate and its key, and with which of them; never says anything of the key. */
export function certificateProblem({
  cert,
  key,
}: Certificate): { readonly file: "certFile" | "keyFile"; readonly problem: string } | undefined {
  const parsed = parsedBy(() => new X509Certificate(cert));
  if (parsed === undefined) return { file: "certFile", problem: "must be a PEM certificate" };
  const privateKey = parsedBy(() => createPrivateKey(key));
  if (privateKey === undefined) return { file: "keyFile", problem: "must be a PEM private key without a passphrase" };
  if (!parsed.checkPrivateKey(privateKey)) return { file: "keyFile", problem: "must be the key of certFile" };
  return parsedBy(() => createSecureContext({ cert, key })) === undefined
    ? { file: "certFile", problem: "must be a certificate and chain that OpenSSL takes" }
    : undefined;
}

/** End of the certificate's life, seconds since 1970. */
export function certificateEnd({ cert }: Certificate): number {
  return new X509Certificate(cert).validToDate.getTime() / 1000;
}

function parsedBy<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch {
    // Not one: the caller says what it must be. The error may quote the file.
    return undefined;
  }
}
