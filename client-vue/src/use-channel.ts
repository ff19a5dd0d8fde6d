import type { PublishOptions } from "@belay/client";
import {
  type ChannelSnapshot,
  channelView,
  type ChannelViewOptions,
  emptyChannel,
  type View,
} from "@belay/client/views";
import { computed, type ComputedRef, type MaybeRefOrGetter, toValue } from "vue";
import { useClient } from "./client-plugin.ts";
import { useView } from "./use-view.ts";

export interface ChannelUse<Data> {
  readonly state: ComputedRef<ChannelSnapshot<Data>["state"]>;
  /** The oldest first. */
  readonly publications: ComputedRef<ChannelSnapshot<Data>["publications"]>;
  readonly error: ComputedRef<ChannelSnapshot<Data>["error"]>;
  /** The newest loss of publications that could not be filled in. */
  readonly reset: ComputedRef<ChannelSnapshot<Data>["reset"]>;
  /** Resolves when the server has acknowledged it. */
  readonly publish: (data: Data, options?: PublishOptions) => Promise<void>;
}

/** A channel's newest publications, subscribed while the component is mounted. The channel may change. */
export function useChannel<Data = unknown>(
  channel: MaybeRefOrGetter<string>,
  options: ChannelViewOptions<Data> = {},
): ChannelUse<Data> {
  const client = useClient();
  const { snapshot } = useView<ChannelSnapshot<Data>, View<ChannelSnapshot<Data>>>(
    () => channelView<Data>(client, toValue(channel), options),
    emptyChannel<Data>(),
  );
  return {
    state: computed(() => snapshot.value.state),
    publications: computed(() => snapshot.value.publications),
    error: computed(() => snapshot.value.error),
    reset: computed(() => snapshot.value.reset),
    publish: (data, publishOptions) => client.publish(toValue(channel), data, publishOptions),
  };
}
