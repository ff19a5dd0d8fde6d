import type { HistoryOptions } from "@belay/client";
import { emptyHistory, type HistorySnapshot, historyView } from "@belay/client/views";
import { useCallback, useMemo } from "react";
import { useClient } from "./client-provider.ts";
import { useView } from "./use-view.ts";

export interface HistoryUse<Data> extends HistorySnapshot<Data> {
  /** Loads it again. */
  readonly reload: () => void;
}

/** A channel's history, loaded when the component is mounted and when what is asked for changes. */
export function useHistory<Data = unknown>(
  channel: string,
  { limit, since, reverse }: HistoryOptions = {},
): HistoryUse<Data> {
  const client = useClient();
  const epoch = since?.epoch;
  const offset = since?.offset;
  const view = useMemo(
    () =>
      historyView<Data>(client, channel, {
        ...(limit !== undefined && { limit }),
        ...(reverse !== undefined && { reverse }),
        ...(epoch !== undefined && offset !== undefined && { since: { epoch, offset } }),
      }),
    [client, channel, limit, reverse, epoch, offset],
  );
  const reload = useCallback(() => view.reload(), [view]);
  return { ...useView(view, emptyHistory<Data>()), reload };
}
