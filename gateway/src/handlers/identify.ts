import { CLOSE, type ConnectCommand, ERROR } from "@belay/protocol";
import type { ConnectionClaims, Refusal } from "../auth/verifier.ts";
import { hookClientOf } from "../hooks/hook-client.ts";
import type { ClientConnection, Services } from "./services.ts";

/** Who connects, or why nobody does. */
export type Identified =
  | {
      readonly ok: true;
      readonly claims: ConnectionClaims;
      /** Of the connect hook, for the client. */
      readonly data?: Buffer;
    }
  | { readonly ok: false; readonly refusal: Refusal };

export interface Identifying {
  readonly connection: ClientConnection;
  readonly command: ConnectCommand;
  /** The id that the client will have. */
  readonly client: string;
}

/**
 * By token; without one by the connect hook; without that as an anonymous client, where those are allowed. At once where nobody
 * needs to be asked, so that what stands behind connect in the same frame acts at once too.
 */
export function identify(identifying: Identifying, services: Services): Promise<Identified> | Identified {
  const { token = "" } = identifying.command;
  if (token !== "") return verify(token, services);
  if (services.hooks.has.connect) return askHook(identifying, services);
  if (services.settings.current.config.auth.anonymous)
    return unlessRevoked({ ok: true, claims: { user: "" } }, services);
  return { ok: false, refusal: { error: ERROR.unauthorized } };
}

function unlessRevoked(identified: Identified, { revocations }: Services): Identified {
  if (!identified.ok || revocations.judge(identified.claims) === undefined) return identified;
  return { ok: false, refusal: { close: CLOSE.revoked } };
}

async function verify(token: string, services: Services): Promise<Identified> {
  const verdict = await services.verifier.verifyConnection(token);
  return verdict.ok ? unlessRevoked(verdict, services) : { ok: false, refusal: verdict.refusal };
}

async function askHook({ connection, command, client }: Identifying, services: Services): Promise<Identified> {
  const { data, name, version, subs } = command;
  const { user: _unknown, ...asked } = hookClientOf(connection, { client, user: "" });
  const answer = await services.hooks.connect({
    ...asked,
    channels: [...(subs?.keys() ?? [])],
    ...(data !== undefined && { data: Buffer.from(data) }),
    ...(name !== undefined && { name }),
    ...(version !== undefined && { version }),
  });
  if (!answer.ok) return { ok: false, refusal: answer };
  // The application has just said yes: that is younger than any revocation of tokens before it.
  const issuedAt = services.clock.date().getTime() / 1000;
  return unlessRevoked({ ...answer, claims: { issuedAt, ...answer.claims } }, services);
}
