import type { Client } from "@belay/client";
import { holdConnection } from "@belay/client/views";
import { createContext, createElement, type ReactElement, type ReactNode, useContext, useLayoutEffect } from "react";

const ClientContext = createContext<Client | undefined>(undefined);

export interface ClientProviderProps<Names extends object> {
  /** Made once, outside of any component. */
  readonly client: Client<Names>;
  readonly children?: ReactNode;
}

/** Gives the components below it this client, and keeps it connected while it is mounted. On a server nothing connects. */
export function ClientProvider<Names extends object>({ client, children }: ClientProviderProps<Names>): ReactElement {
  // What names there are is a matter of types.
  const value = client as unknown as Client;
  // Before the effects of what is below, which may ask the client for something.
  useLayoutEffect(() => holdConnection(value), [value]);
  return createElement(ClientContext, { value }, children);
}

/** The client of the nearest {@link ClientProvider}; throws where there is none. */
export function useClient(): Client {
  const client = useContext(ClientContext);
  if (client === undefined) throw new Error("useClient must be called below a ClientProvider");
  return client;
}
