import type { View } from "@belay/client/views";
import { getCurrentInstance, onMounted, onScopeDispose, type ShallowRef, shallowRef, watch } from "vue";

export interface ViewUse<T, V> {
  readonly snapshot: Readonly<ShallowRef<T>>;
  /** The view of now. */
  readonly current: () => V;
}

/** The snapshot of the view that `make` gives, which is asked again when what it reads changes. A server renders `initial`. */
export function useView<T, V extends View<T>>(make: () => V, initial: T): ViewUse<T, V> {
  const snapshot = shallowRef<T>(initial) as ShallowRef<T>;
  let view = make();
  let unlisten: (() => void) | undefined;
  const listen = (): void => {
    const own = view;
    const before = unlisten;
    unlisten = own.listen(() => (snapshot.value = own.snapshot));
    before?.();
    snapshot.value = own.snapshot;
  };
  watch(
    make,
    (next) => {
      view = next;
      if (unlisten !== undefined) listen();
    },
    { flush: "sync" },
  );
  // Not on a server, where no component is ever mounted.
  if (getCurrentInstance() === null) listen();
  else onMounted(listen);
  onScopeDispose(() => unlisten?.());
  return { snapshot, current: () => view };
}
