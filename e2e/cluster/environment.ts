/** What a shell needs to work with a cluster. */
export interface Environment {
  readonly cluster: string;
  readonly provider: "local" | "kind";
  readonly kubeconfig: string;
  /** The directory of the pinned kubectl and helm. */
  readonly bin: string;
  readonly nodeAddress: string;
}

function quoted(value: string): string {
  return `'${value.replaceAll("'", String.raw`'\''`)}'`;
}

/** Lines for `eval "$(make -s env)"`. Pure; twice the same is harmless but for a longer PATH. */
export function exportLines({ cluster, provider, kubeconfig, bin, nodeAddress }: Environment): string {
  const variables = {
    BELAY_CLUSTER: cluster,
    BELAY_PROVIDER: provider,
    BELAY_NODE_ADDRESS: nodeAddress,
    KUBECONFIG: kubeconfig,
  };
  const lines = Object.entries(variables).map(([name, value]) => `export ${name}=${quoted(value)}`);
  return [...lines, `export PATH=${quoted(bin)}:"$PATH"`].join("\n");
}
