import type { Clock } from "../clock.ts";
import { type KubeClient, KubeError, type KubeObject } from "../kube/kube-client.ts";
import { RESOURCES } from "../kube/resources.ts";
import { makeServingCertificate, needsRenewal, type ServingCertificate, trustBoth } from "./certificates.ts";

interface CertificateSecret extends KubeObject {
  readonly type?: string;
  readonly data?: Readonly<Record<string, string>>;
}

export interface CertificateSecretOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly namespace: string;
  readonly name: string;
  readonly dnsNames: readonly string[];
}

/**
 * The serving certificate that all replicas share. Whoever comes first makes it, also a standby: each replica serves. Two that
 * make one at a time are settled by the resource version; the loser takes the winner's.
 */
export async function sharedCertificate(options: CertificateSecretOptions): Promise<ServingCertificate> {
  for (;;) {
    const secret = await options.client.get<CertificateSecret>({
      resource: RESOURCES.secrets,
      namespace: options.namespace,
      name: options.name,
    });
    const found = secret === undefined ? undefined : readCertificate(secret);
    if (found !== undefined && !needsRenewal(found, options.dnsNames, options.clock.date())) return found;
    const made = trustBoth(await makeServingCertificate(options.dnsNames, options.clock.date()), found?.ca);
    if (await tryStore(options, made, secret)) return made;
  }
}

function readCertificate({ data = {} }: CertificateSecret): ServingCertificate | undefined {
  const [ca, cert, key] = [data["ca.crt"], data["tls.crt"], data["tls.key"]].map((value) =>
    value === undefined ? undefined : Buffer.from(value, "base64").toString("utf8"),
  );
  return ca === undefined || cert === undefined || key === undefined ? undefined : { ca, cert, key };
}

async function tryStore(
  { client, namespace, name }: CertificateSecretOptions,
  { ca, cert, key }: ServingCertificate,
  before: CertificateSecret | undefined,
): Promise<boolean> {
  const resourceVersion = before?.metadata.resourceVersion;
  const secret: CertificateSecret = {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name, namespace, ...(resourceVersion !== undefined && { resourceVersion }) },
    type: "kubernetes.io/tls",
    data: { "ca.crt": encode(ca), "tls.crt": encode(cert), "tls.key": encode(key) },
  };
  try {
    await (before === undefined ? client.create(RESOURCES.secrets, secret) : client.replace(RESOURCES.secrets, secret));
    return true;
  } catch (error) {
    if (error instanceof KubeError && error.status === 409) return false;
    throw error;
  }
}

function encode(text: string): string {
  return Buffer.from(text, "utf8").toString("base64");
}
