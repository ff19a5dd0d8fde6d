import type { SubscriptionOptions } from "@belay/client";
import { emptyPresence, type PresenceSnapshot, presenceView, type View } from "@belay/client/views";
import { computed, type ComputedRef, type MaybeRefOrGetter, toValue } from "vue";
import { useClient } from "./client-plugin.ts";
import { useView } from "./use-view.ts";

export interface PresenceUse {
  /** By client; a user may have several. */
  readonly clients: ComputedRef<PresenceSnapshot["clients"]>;
  readonly isLoaded: ComputedRef<boolean>;
  readonly error: ComputedRef<PresenceSnapshot["error"]>;
}

/**
 * Who is in a channel, kept up while the component is mounted. The channel is subscribed for it; options count when it is first
 * subscribed, so where `useChannel` shows the same channel it asks for `joinLeave` too.
 */
export function usePresence(channel: MaybeRefOrGetter<string>, options: SubscriptionOptions = {}): PresenceUse {
  const client = useClient();
  const { snapshot } = useView<PresenceSnapshot, View<PresenceSnapshot>>(
    () => presenceView(client, toValue(channel), options),
    emptyPresence(),
  );
  return {
    clients: computed(() => snapshot.value.clients),
    isLoaded: computed(() => snapshot.value.isLoaded),
    error: computed(() => snapshot.value.error),
  };
}
