// oxlint-disable-next-line import/no-unassigned-import -- a library below x509 refuses to load without it
import "reflect-metadata";
import { createPrivateKey, type webcrypto, X509Certificate } from "node:crypto";
import * as x509 from "@peculiar/x509";
import { dateAt } from "../clock.ts";

/** PEM texts of a certificate authority of our own and of the serving certificate it signed. The CA's key is not kept. */
export interface ServingCertificate {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const dayMs = 24 * 3_600_000;
const lifetimeMs = 365 * dayMs;
/** Replaced this long before it ends. */
const renewBeforeMs = 90 * dayMs;

/** Makes a CA and a certificate for the given DNS names, valid for a year from an hour ago (clocks differ). */
export async function makeServingCertificate(
  dnsNames: readonly string[],
  date: Date,
  usage: "serverAuth" | "clientAuth" = "serverAuth",
): Promise<ServingCertificate> {
  const notBefore = dateAt(date.getTime() - 3_600_000);
  const notAfter = dateAt(date.getTime() + lifetimeMs);
  const [caKeys, keys] = await Promise.all([generateKeys(), generateKeys()]);
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    name: "CN=belay-metrics-ca",
    notBefore,
    notAfter,
    signingAlgorithm: algorithm,
    keys: caKeys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.digitalSignature, true),
    ],
  });
  const cert = await x509.X509CertificateGenerator.create({
    subject: `CN=${dnsNames[0] ?? "belay"}`,
    issuer: ca.subject,
    notBefore,
    notAfter,
    signingAlgorithm: algorithm,
    signingKey: caKeys.privateKey,
    publicKey: keys.publicKey,
    extensions: [
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage[usage]]),
      new x509.SubjectAlternativeNameExtension(dnsNames.map((value) => ({ type: "dns", value }))),
    ],
  });
  return {
    ca: ca.toString("pem"),
    cert: cert.toString("pem"),
    key: x509.PemConverter.encode(await exportKey(keys.privateKey), "PRIVATE KEY"),
  };
}

function generateKeys(): Promise<webcrypto.CryptoKeyPair> {
  return crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
}

function exportKey(key: webcrypto.CryptoKey): Promise<ArrayBuffer> {
  return crypto.subtle.exportKey("pkcs8", key);
}

/** Whether a certificate must be made anew: it ends soon, does not name us, does not fit its key or CA, or cannot be read. */
export function needsRenewal({ ca, cert, key }: ServingCertificate, dnsNames: readonly string[], date: Date): boolean {
  try {
    const parsed = new X509Certificate(cert);
    const signed = certificatesOf(ca).some((each) => parsed.verify(new X509Certificate(each).publicKey));
    const usable = signed && parsed.checkPrivateKey(createPrivateKey(key));
    const endsSoon = parsed.validToDate.getTime() - date.getTime() < renewBeforeMs;
    return !usable || endsSoon || dnsNames.some((name) => parsed.checkHost(name) === undefined);
  } catch {
    // Not a certificate: somebody edited the Secret.
    return true;
  }
}

/** The CA of a new certificate, and after it the one before, so that who still serves with the old certificate is trusted as well. */
export function trustBoth(made: ServingCertificate, before: string | undefined): ServingCertificate {
  const [previous] = certificatesOf(before ?? "").filter(isCertificate);
  return previous === undefined ? made : { ...made, ca: `${made.ca.trimEnd()}\n${previous}\n` };
}

function certificatesOf(bundle: string): readonly string[] {
  return bundle.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).ca;
  } catch {
    return false;
  }
}
