import type { State } from "@belay/client";
import { connectionView, type View } from "@belay/client/views";
import type { ShallowRef } from "vue";
import { useClient } from "./client-plugin.ts";
import { useView } from "./use-view.ts";

/** The client's state. */
export function useConnection(): Readonly<ShallowRef<State>> {
  const client = useClient();
  return useView<State, View<State>>(() => connectionView(client), { name: "disconnected" }).snapshot;
}
