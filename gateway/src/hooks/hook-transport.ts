/** How a request reaches the application: over HTTP, or as a call in this process. */
import type { HookName } from "./hooks.ts";

export interface HookPost {
  readonly body: string;
  /** Of the client, already chosen; lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

export type HookFailure =
  | "refused-connection"
  | "unavailable"
  | "status"
  | "timeout"
  | "unreachable"
  | "too-large"
  | "fault";

export type HookResponse =
  | { readonly ok: true; readonly text: string }
  | {
      readonly ok: false;
      readonly failure: HookFailure;
      /** For the log; never for the client. */
      readonly detail: string;
      /** The application is there and did not like this question, which says nothing of the next one. */
      readonly isOfRequest?: boolean;
    };

export interface HookTransport {
  has(name: HookName): boolean;
  /** Never rejects. Ends soon after the signal is aborted. */
  post(name: HookName, post: HookPost): Promise<HookResponse>;
  close(): void;
}
