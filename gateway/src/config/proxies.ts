import { z } from "zod";
import { parseNetwork } from "../access/networks.ts";

/** The section `proxies` with its defaults. */
export interface ProxiesSettings {
  readonly forwardedFrom: readonly string[];
  readonly proxyProtocolFrom: readonly string[];
}

const NETWORK_RULE = "must be an address or a network such as 10.0.0.0/8 or fd00::/8";
const network = z.string(NETWORK_RULE).refine((text) => parseNetwork(text) !== undefined, NETWORK_RULE);
const networks = z.array(network, "must be a list of networks").max(256, "must have at most 256 networks").default([]);

export const proxiesSchema: z.ZodType<ProxiesSettings> = z.strictObject({
  forwardedFrom: networks,
  proxyProtocolFrom: networks,
});
