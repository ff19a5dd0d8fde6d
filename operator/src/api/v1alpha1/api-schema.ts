/** Schema of who may use the server API. */
import { API_METHOD_NAMES } from "@belay/protocol/control";
import { z } from "zod";
import { rules } from "../fields.ts";
import { secretKeyRef } from "./auth-schema.ts";
import type { ApiSpec } from "./gen/types.ts";

const apiKey = z.strictObject({
  name: z
    .string()
    .max(63)
    .regex(/^[a-z]([-a-z0-9]*[a-z0-9])?$/)
    .describe("Name of the key, for logs."),
  secretRef: secretKeyRef("key").describe("Secret that holds the key. A changed value is used without a restart."),
  methods: z
    .array(z.enum(API_METHOD_NAMES))
    .min(1)
    .max(API_METHOD_NAMES.length)
    .meta({ "x-kubernetes-list-type": "set" })
    .exactOptional()
    .describe("Methods that the key may call; all when absent."),
  channels: z
    .array(z.string().min(1).max(255))
    .min(1)
    .max(64)
    .meta({ "x-kubernetes-list-type": "set" })
    .exactOptional()
    .describe(
      "Channels that the key may name, with * and ? as in a file name; all when absent. Methods that name no channel must then be listed in methods.",
    ),
  requestsPerSecond: z
    .int32()
    .min(1)
    .max(1_000_000)
    .exactOptional()
    .describe(
      "Requests with this key over all pods, as many of them at once; no limit when absent. A batch is one request.",
    ),
});

export const api: z.ZodType<ApiSpec> = z
  .strictObject({
    keys: z
      .array(apiKey)
      .min(1)
      .max(32)
      .meta(rules(["self.all(a, self.exists_one(b, a.name == b.name))", "api.keys must have different names"]))
      .exactOptional()
      .describe(
        "Keys beside the one that the operator generates in `<name>-keys`. Two keys may be valid at once, so that one can be rotated. Another name or Secret replaces the pods, another scope does not.",
      ),
  })
  .meta({ typeName: "ApiSpec" });
