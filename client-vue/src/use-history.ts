import type { HistoryOptions } from "@belay/client";
import { emptyHistory, type HistorySnapshot, type HistoryView, historyView } from "@belay/client/views";
import { computed, type ComputedRef, type MaybeRefOrGetter, toValue } from "vue";
import { useClient } from "./client-plugin.ts";
import { useView } from "./use-view.ts";

export interface HistoryUse<Data> {
  /** In the order that was asked for. */
  readonly publications: ComputedRef<HistorySnapshot<Data>["publications"]>;
  readonly isLoading: ComputedRef<boolean>;
  readonly error: ComputedRef<HistorySnapshot<Data>["error"]>;
  /** Loads it again. */
  readonly reload: () => void;
}

/** A channel's history, loaded when the component is mounted and when what is asked for changes. */
export function useHistory<Data = unknown>(
  channel: MaybeRefOrGetter<string>,
  options: MaybeRefOrGetter<HistoryOptions> = {},
): HistoryUse<Data> {
  const client = useClient();
  const { snapshot, current } = useView<HistorySnapshot<Data>, HistoryView<Data>>(
    () => historyView<Data>(client, toValue(channel), toValue(options)),
    emptyHistory<Data>(),
  );
  return {
    publications: computed(() => snapshot.value.publications),
    isLoading: computed(() => snapshot.value.isLoading),
    error: computed(() => snapshot.value.error),
    reload: () => current().reload(),
  };
}
