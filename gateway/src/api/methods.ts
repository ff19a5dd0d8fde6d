import type { ApiMethodName } from "@belay/protocol/control";
import type { ApiMethod } from "./api-method.ts";
import { CHANNEL_METHODS } from "./channel-methods.ts";
import { CLIENT_METHODS } from "./client-methods.ts";
import { INBOX_METHODS } from "./inbox-methods.ts";
import { PUBLISH_METHODS } from "./publish-methods.ts";

const METHODS: Readonly<Record<ApiMethodName, ApiMethod>> = {
  ...PUBLISH_METHODS,
  ...INBOX_METHODS,
  ...CLIENT_METHODS,
  ...CHANNEL_METHODS,
};

/** Every method of the server API by its name. */
export const API_METHODS: ReadonlyMap<string, ApiMethod> = new Map(Object.entries(METHODS));
