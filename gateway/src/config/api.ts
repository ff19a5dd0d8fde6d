import { z } from "zod";
import { API_METHOD_NAMES, type ApiMethodName } from "@belay/protocol/control";

/** Keys of the server API. */
export interface ApiRules {
  readonly keyFile?: string | undefined;
  readonly keys: readonly ApiKeyRules[];
}

interface ApiKeyRules {
  readonly name: string;
  readonly keyFile: string;
  readonly methods?: ApiMethodName[];
  readonly channels?: string[];
  readonly requestsPerSecond?: number;
}

const file = z.string("must be a path").min(1, "must be a path");

const REQUESTS = "must be an integer from 1 to 1000000";

const key = z.strictObject({
  name: z.string("must be a name").min(1, "must be a name").max(63, "must have at most 63 characters"),
  keyFile: file,
  methods: z
    .array(z.enum(API_METHOD_NAMES, `must be one of ${API_METHOD_NAMES.join(", ")}`), "must be a list of methods")
    .min(1, "must not be empty")
    .exactOptional(),
  channels: z
    .array(z.string("must be a pattern").min(1, "must not be empty").max(255, "must have at most 255 characters"))
    .min(1, "must not be empty")
    .max(64, "must have at most 64 patterns")
    .exactOptional(),
  requestsPerSecond: z.number(REQUESTS).int(REQUESTS).min(1, REQUESTS).max(1_000_000, REQUESTS).exactOptional(),
});

export const api: z.ZodType<ApiRules> = z
  .strictObject({
    keyFile: file.optional(),
    keys: z.array(key, "must be a list of keys").max(32, "must have at most 32 keys").default([]),
  })
  .prefault({});
