import { ERROR } from "@belay/protocol";
import type { Hooks } from "./hooks.ts";

const REFUSED = Promise.resolve({ ok: false, error: ERROR.notAvailable } as const);

/** An application that is asked nothing. */
export const NO_HOOKS: Hooks = {
  has: { connect: false, refresh: false, subscribe: false, subRefresh: false, publish: false, rpc: false },
  connect: () => REFUSED,
  refresh: () => REFUSED,
  subscribe: () => REFUSED,
  subRefresh: () => REFUSED,
  publish: () => REFUSED,
  rpc: () => REFUSED,
  close: () => undefined,
};
