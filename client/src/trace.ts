import type { LinkEnd } from "./link.ts";
import type { ErrorReply } from "./messages.ts";
import type { MigrationPhase } from "./migration.ts";
import type { State } from "./state.ts";
import type { Frame } from "./transport.ts";

/** One thing that happened in a client. `atMs` is of its clock; `link` counts its connections from 1. */
export type TraceEvent = { readonly atMs: number } & TraceBody;

export type TraceBody =
  | { readonly type: "state"; readonly state: State }
  | { readonly type: "open"; readonly link: number; readonly transport: string; readonly endpoint: string }
  | { readonly type: "frame"; readonly link: number; readonly direction: "in" | "out"; readonly frame: Frame }
  | { readonly type: "established"; readonly link: number; readonly tookMs: number; readonly isContinued: boolean }
  | { readonly type: "refused"; readonly error: ErrorReply }
  | { readonly type: "end"; readonly link: number; readonly end: LinkEnd }
  | { readonly type: "subscription"; readonly channel: string; readonly state: string }
  | { readonly type: "gap"; readonly channel: string; readonly from: number; readonly to: number }
  | { readonly type: "reset"; readonly channel: string; readonly reason: string }
  | { readonly type: "migration"; readonly phase: MigrationPhase; readonly because: string };

export type Trace = (body: TraceBody) => void;
