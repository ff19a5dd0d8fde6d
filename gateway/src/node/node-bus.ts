/** What nodes of one cluster say to each other; the broker carries it. */
export interface NodeBus {
  /**
   * To the node with this pod uid, or to `all`, this one included: every node that hears `kind` acts on it. `body` is JSON.
   * Those in `except` ignore it. Resolves once handed to the broker. Rejects with BrokerUnavailableError.
   */
  tell(nodeId: string, kind: string, body: unknown, except?: readonly string[]): Promise<void>;
  /**
   * Asks one node and waits for its answer. Undefined when it did not answer within `timeoutMs`: it is gone, or cannot be
   * reached. Rejects with BrokerUnavailableError.
   */
  ask(nodeId: string, kind: string, body: unknown, timeoutMs: number): Promise<unknown>;
  /** What this node does when told or asked; the result of the listener is the answer. A body is untrusted: check it. */
  on(kind: string, listener: (body: unknown, from: string) => unknown): void;
}
