import { makeServingCertificate, type ServingCertificate } from "@belay/operator/internal";

/** A certificate for DNS names, signed by a CA of its own; valid now. */
export function servingCertificate(dnsNames: readonly string[]): Promise<ServingCertificate> {
  return makeServingCertificate(dnsNames, new Date());
}
