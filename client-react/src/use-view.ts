import type { View } from "@belay/client/views";
import { useCallback, useSyncExternalStore } from "react";

/** The view's snapshot, for every component of a rendering the same one. `initial` is what a server renders, and the page begins with. */
export function useView<T>(view: View<T>, initial: T): T {
  const listen = useCallback((onChange: () => void) => view.listen(onChange), [view]);
  return useSyncExternalStore(
    listen,
    () => view.snapshot,
    () => initial,
  );
}
