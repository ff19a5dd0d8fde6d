import type { PublishOptions } from "@belay/client";
import { type ChannelSnapshot, channelView, type ChannelViewOptions, emptyChannel } from "@belay/client/views";
import { useCallback, useEffect, useMemo, useRef } from "react";
import { useClient } from "./client-provider.ts";
import { useView } from "./use-view.ts";

export interface ChannelUse<Data> extends ChannelSnapshot<Data> {
  /** Resolves when the server has acknowledged it. The same function as long as client and channel are the same. */
  readonly publish: (data: Data, options?: PublishOptions) => Promise<void>;
}

/**
 * A channel's newest publications, subscribed while the component is mounted. Of the options only `limit`, `withHistory` and
 * `onPublication` may change; the others count when the channel is first subscribed.
 */
export function useChannel<Data = unknown>(channel: string, options: ChannelViewOptions<Data> = {}): ChannelUse<Data> {
  const client = useClient();
  const newest = useRef(options);
  useEffect(() => {
    newest.current = options;
  });
  const { limit, withHistory } = options;
  const view = useMemo(
    () =>
      channelView<Data>(client, channel, {
        ...options,
        ...(limit !== undefined && { limit }),
        ...(withHistory !== undefined && { withHistory }),
        onPublication: (publication) => newest.current.onPublication?.(publication),
      }),
    [client, channel, limit, withHistory],
  );
  const publish = useCallback(
    (data: Data, publishOptions?: PublishOptions) => client.publish(channel, data, publishOptions),
    [client, channel],
  );
  return { ...useView(view, emptyChannel<Data>()), publish };
}
