/** What a browser tells of the network and the page; a worker has the first two events, Node none. */
export interface EventSourceLike {
  addEventListener(type: string, listener: () => void): void;
  removeEventListener(type: string, listener: () => void): void;
}

/** The parts of the global object that are listened to. */
export interface NetworkScope extends Partial<EventSourceLike> {
  readonly document?: EventSourceLike & { readonly visibilityState: string };
}

export interface NetworkEvents {
  /** There is a network again, perhaps another one. */
  readonly onOnline: () => void;
  /** The network is gone. */
  readonly onOffline: () => void;
  /** The page is seen again, or goes on after it was frozen: what is open may be dead. */
  readonly onWake: () => void;
}

/** Listens until the answer is called. */
export function watchNetwork(scope: NetworkScope, { onOnline, onOffline, onWake }: NetworkEvents): () => void {
  const { document } = scope;
  const onVisibility = (): void => {
    if (document?.visibilityState === "visible") onWake();
  };
  const entries: readonly (readonly [Partial<EventSourceLike> | undefined, string, () => void])[] = [
    [scope, "online", onOnline],
    [scope, "offline", onOffline],
    // A page that comes back from the browser's cache, and a frozen one that goes on.
    [scope, "pageshow", onWake],
    [document, "visibilitychange", onVisibility],
    [document, "resume", onWake],
  ];
  for (const [target, type, listener] of entries) target?.addEventListener?.(type, listener);
  return () => {
    for (const [target, type, listener] of entries) target?.removeEventListener?.(type, listener);
  };
}
