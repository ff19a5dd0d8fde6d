interface Reply {
  readonly connect?: { readonly node?: unknown };
}

/**
 * The gateway node that answered a connect command: `connect.node` of a frame's first line. The SDK keeps it to itself, and the page
 * wants to show which pod it is on. `undefined` for every other frame.
 */
export function nodeOfConnectReply(frame: unknown): string | undefined {
  if (typeof frame !== "string" || !frame.includes('"connect"')) return undefined;
  try {
    const reply = JSON.parse(frame.split("\n", 1)[0] ?? "") as Reply | null;
    const node = reply?.connect?.node;
    return typeof node === "string" ? node : undefined;
  } catch {
    // Not our concern: the SDK reads the same frame and closes the connection.
    return undefined;
  }
}
