import { pins } from "./pins.ts";

/** kind's own names: its containers and kubeconfig context carry them. */
export function kindName(cluster: string): string {
  return `belay-${cluster}`;
}

/**
 * kind's configuration of a cluster: one control plane and `nodes` workers, with what the local provider also sets. Pure.
 * kind reads YAML, of which JSON is a part; the patches are of kubeadm's v1beta3, which lists flags as a map.
 */
export function kindConfig(cluster: string, nodes: number): string {
  const apiServer = {
    "enable-aggregator-routing": "true",
    "max-requests-inflight": "3000",
    "max-mutating-requests-inflight": "1000",
  };
  const patch = {
    kind: "ClusterConfiguration",
    apiServer: { extraArgs: apiServer },
    controllerManager: { extraArgs: { "horizontal-pod-autoscaler-sync-period": "5s" } },
    etcd: { local: { extraArgs: { "unsafe-no-fsync": "true", "quota-backend-bytes": String(8 * 2 ** 30) } } },
  };
  const workers = Array.from({ length: nodes }, () => ({ role: "worker" }));
  return JSON.stringify({
    kind: "Cluster",
    apiVersion: "kind.x-k8s.io/v1alpha4",
    name: kindName(cluster),
    nodes: [{ role: "control-plane" }, ...workers],
    kubeadmConfigPatches: [JSON.stringify(patch)],
  });
}

export type Command = readonly string[];

export interface KindPlace {
  readonly cluster: string;
  readonly kind: string;
  readonly kubeconfig: string;
}

/** Every command that the kind provider runs. Pure, because they are tried only where Docker is. */
export const kindCommands = {
  list: ({ kind }: KindPlace): Command => [kind, "get", "clusters"],
  create: ({ cluster, kind, kubeconfig }: KindPlace): Command => [
    kind,
    "create",
    "cluster",
    `--name=${kindName(cluster)}`,
    `--image=${pins.kindNodeImage}`,
    `--kubeconfig=${kubeconfig}`,
    "--config=-",
    "--wait=120s",
  ],
  remove: ({ cluster, kind, kubeconfig }: KindPlace): Command => [
    kind,
    "delete",
    "cluster",
    `--name=${kindName(cluster)}`,
    `--kubeconfig=${kubeconfig}`,
  ],
  kubeconfig: ({ cluster, kind, kubeconfig }: KindPlace): Command => [
    kind,
    "export",
    "kubeconfig",
    `--name=${kindName(cluster)}`,
    `--kubeconfig=${kubeconfig}`,
  ],
  build: (image: string, folder: string): Command => [
    "docker",
    "build",
    "--quiet",
    `--build-arg=BASE=${pins.dockerBaseImage}`,
    `--tag=${image}`,
    `--file=${folder}/Dockerfile`,
    `${folder}/dist/image`,
  ],
  pull: (image: string): Command => ["docker", "pull", "--quiet", image],
  tag: (from: string, to: string): Command => ["docker", "tag", from, to],
  load: ({ cluster, kind }: KindPlace, images: readonly string[]): Command => [
    kind,
    "load",
    "docker-image",
    `--name=${kindName(cluster)}`,
    ...images,
  ],
  /** The kubelet stops and starts the API server with its manifest. */
  moveApiServer: (cluster: string, to: "away" | "back"): Command => {
    const [manifest, aside] = ["/etc/kubernetes/manifests/kube-apiserver.yaml", "/etc/kubernetes/kube-apiserver.yaml"];
    const [from, target] = to === "away" ? [manifest, aside] : [aside, manifest];
    return [
      "docker",
      "exec",
      `${kindName(cluster)}-control-plane`,
      "sh",
      "-c",
      `test -e ${target} || mv ${from} ${target}`,
    ];
  },
  nodeAddress: (container: string): Command => [
    "docker",
    "inspect",
    "--format={{.NetworkSettings.Networks.kind.IPAddress}}",
    container,
  ],
  /** Pods and Services are reached from the host through the nodes, as with the local provider. */
  route: (cidr: string, via: string): Command => ["ip", "route", "replace", cidr, "via", via],
} as const;
