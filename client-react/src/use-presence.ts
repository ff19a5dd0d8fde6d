import type { SubscriptionOptions } from "@belay/client";
import { emptyPresence, type PresenceSnapshot, presenceView } from "@belay/client/views";
import { useMemo } from "react";
import { useClient } from "./client-provider.ts";
import { useView } from "./use-view.ts";

/**
 * Who is in a channel, kept up while the component is mounted. The channel is subscribed for it; options count when it is first
 * subscribed, so where `useChannel` shows the same channel it asks for `joinLeave` too.
 */
export function usePresence(channel: string, options: SubscriptionOptions = {}): PresenceSnapshot {
  const client = useClient();
  return useView(
    useMemo(() => presenceView(client, channel, options), [client, channel]),
    emptyPresence(),
  );
}
