import type { Client } from "@belay/client";
import { holdConnection } from "@belay/client/views";
import { type App, inject, type InjectionKey, type Plugin } from "vue";

const CLIENT: InjectionKey<Client> = Symbol("belay client");

/** `app.use(clientPlugin(client))` gives an application this client, and keeps it connected while it is mounted in a page. */
export function clientPlugin<Names extends object>(client: Client<Names>): Plugin {
  // What names there are is a matter of types.
  const provided = client as unknown as Client;
  return {
    install: (app: App) => {
      app.provide(CLIENT, provided);
      // A server renders without a connection.
      if (typeof document === "undefined") return;
      app.onUnmount(holdConnection(provided));
    },
  };
}

/** The application's client; throws where it has none. */
export function useClient(): Client {
  const client = inject(CLIENT, undefined);
  if (client === undefined) throw new Error("useClient must be called in an application with the clientPlugin");
  return client;
}
