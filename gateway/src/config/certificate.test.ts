import { servingCertificate } from "@belay/testkit";
import { expect, test } from "vitest";
import { certificateEnd, certificateProblem } from "./certificate.ts";

test("[TLS2] certificate and key must be ones, belong together, and no problem quotes them", async () => {
  const [one, other] = await Promise.all([servingCertificate(["a.test"]), servingCertificate(["b.test"])]);
  expect(certificateProblem(one)).toBeUndefined();
  expect(certificateProblem({ cert: one.cert, key: other.key })).toEqual({
    file: "keyFile",
    problem: "must be the key of certFile",
  });
  expect(certificateProblem({ cert: "junk", key: one.key })?.file).toBe("certFile");
  expect(certificateProblem({ cert: one.cert, key: "secret junk" })).toEqual({
    file: "keyFile",
    problem: "must be a PEM private key without a passphrase",
  });
  expect(
    certificateProblem({
      cert: `${one.cert}\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`,
      key: one.key,
    })?.file,
  ).toBe("certFile");
});

test("[TLS2] the end of a certificate is known", async () => {
  const certificate = await servingCertificate(["a.test"]);
  const days = (certificateEnd(certificate) - Date.now() / 1000) / 86_400;
  expect(days).toBeGreaterThan(360);
  expect(days).toBeLessThan(367);
});
