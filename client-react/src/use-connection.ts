import type { State } from "@belay/client";
import { connectionView } from "@belay/client/views";
import { useMemo } from "react";
import { useClient } from "./client-provider.ts";
import { useView } from "./use-view.ts";

const DISCONNECTED: State = { name: "disconnected" };

/** The client's state. */
export function useConnection(): State {
  const client = useClient();
  return useView(
    useMemo(() => connectionView(client), [client]),
    DISCONNECTED,
  );
}
