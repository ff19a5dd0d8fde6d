/** Schema of the client port: transports and origins, TLS, and proxies in front of it. */
import { z } from "zod";
import { objectName, rules } from "../fields.ts";
import type { ProxiesSpec, TlsSpec, TransportsSpec } from "./gen/types.ts";

const origin = z
  .string()
  .min(1)
  .max(512)
  .regex(
    /^(\*|same-host|[A-Za-z][-+.A-Za-z0-9]*:\/\/(\*\.[-.0-9A-Z_a-z]+|[-.0-9A-Z_a-z]+|\[[:.0-9A-Fa-f]+\])(:[0-9]{1,5})?)$/,
  );

const compression = z
  .strictObject({
    enabled: z.boolean().default(false).describe("Compress frames to clients that offer permessage-deflate."),
    level: z.int32().min(1).max(9).default(1).describe("Level of zlib: 1 is fastest."),
    thresholdBytes: z.int32().min(0).max(1_048_576).default(512).describe("Smaller frames go uncompressed."),
  })
  .meta({ typeName: "CompressionSpec" });

export const transports: z.ZodType<TransportsSpec> = z
  .strictObject({
    enabled: z
      .array(z.enum(["websocket", "sse", "http_stream", "uni_websocket", "uni_sse", "uni_http_stream"]))
      .max(6)
      .meta({ "x-kubernetes-list-type": "set" })
      .exactOptional()
      .describe("Transports of the client port; all when absent."),
    allowedOrigins: z
      .array(origin)
      .max(256)
      .meta({ "x-kubernetes-list-type": "set" })
      .exactOptional()
      .describe(
        "Origins of pages that may connect: same-host, https://app.example, https://*.app.example (any sub-domain) or *. Only same-host when absent. A request without Origin comes from no page and may always connect.",
      ),
    compression: compression.exactOptional().describe("permessage-deflate; off when absent."),
  })
  .meta({ typeName: "TransportsSpec" });

export const tls: z.ZodType<TlsSpec> = z
  .strictObject({
    secretRef: z
      .strictObject({ name: objectName.describe("Name of a Secret in the same namespace.") })
      .exactOptional()
      .describe(
        "Secret of type kubernetes.io/tls with which the pods end TLS; renewed certificates are used without a restart. Another Secret replaces the pods.",
      ),
    requireTLS: z
      .boolean()
      .exactOptional()
      .describe(
        "Refuse plain text, unless a proxy of proxies.forwardedFrom says https. Absent: whether there is a secretRef. Health checks stay open.",
      ),
    minVersion: z.enum(["1.2", "1.3"]).default("1.2").describe("Oldest version of TLS. A change acts on new pods."),
  })
  .meta({ typeName: "TlsSpec" });

const network = z
  .string()
  .min(2)
  .max(64)
  .regex(/^[0-9A-Fa-f:.]+(\/[0-9]{1,3})?$/)
  .meta(rules(["isIP(self) || isCIDR(self)", "must be an address or a network such as 10.0.0.0/8"]));

function networks(description: string): z.ZodExactOptional<z.ZodArray<typeof network>> {
  return z.array(network).max(256).meta({ "x-kubernetes-list-type": "set" }).exactOptional().describe(description);
}

export const proxies: z.ZodType<ProxiesSpec> = z
  .strictObject({
    forwardedFrom: networks("Proxies whose X-Forwarded-For and X-Forwarded-Proto are believed."),
    proxyProtocolFrom: networks(
      "Load balancers that begin every connection with a PROXY header, version 1 or 2. A connection of theirs without one is cut.",
    ),
  })
  .meta({ typeName: "ProxiesSpec" });
