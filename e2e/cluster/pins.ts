/** One tool that is built from the Go module beside this file. */
export interface Binary {
  readonly name: string;
  readonly package: string;
  /** `kind`: only needed where Docker is. */
  readonly for: "every provider" | "local" | "kind";
}

/**
 * Every version a cluster is made of. Go tools take theirs from go/go.mod, whose text is part of the cache key too; the Node.js
 * binary of the images is the one that tools/node26/package-lock.json names.
 *
 * Kubernetes stays on 1.34: later kubelets refuse cgroup v1 and containerd 1.6, which is what Debian 12 machines have.
 */
export const pins = {
  kubernetes: "v1.34.4",
  /** kind v0.30.0 tests itself against this node image. */
  kindNodeImage: "kindest/node:v1.34.0@sha256:7416a61b42b1662ca6ca89f02028ac133a309a2a30ba309614e8ec94d976dc5a",
  /** The base of our images and the Redis where Docker can pull; elsewhere both are made of binaries on this machine. */
  dockerBaseImage: "node:26-slim",
  dockerRedisImage: "redis:7.0.15",
  /** In the order they are built: what `make up` needs first comes first. */
  binaries: [
    { name: "kubectl", package: "k8s.io/kubernetes/cmd/kubectl", for: "every provider" },
    { name: "helm", package: "helm.sh/helm/v3/cmd/helm", for: "every provider" },
    { name: "etcd", package: "go.etcd.io/etcd/server/v3", for: "local" },
    { name: "kubeadm", package: "k8s.io/kubernetes/cmd/kubeadm", for: "local" },
    { name: "kube-apiserver", package: "k8s.io/kubernetes/cmd/kube-apiserver", for: "local" },
    { name: "kube-controller-manager", package: "k8s.io/kubernetes/cmd/kube-controller-manager", for: "local" },
    { name: "kube-scheduler", package: "k8s.io/kubernetes/cmd/kube-scheduler", for: "local" },
    { name: "kubelet", package: "k8s.io/kubernetes/cmd/kubelet", for: "local" },
    { name: "kube-proxy", package: "k8s.io/kubernetes/cmd/kube-proxy", for: "local" },
    { name: "coredns", package: "./coredns", for: "local" },
    { name: "pause", package: "./pause", for: "local" },
    { name: "kind", package: "sigs.k8s.io/kind", for: "kind" },
  ] as readonly Binary[],
  debianPackages: {
    /** What the local provider runs on. */
    cluster: [
      "containerd",
      "runc",
      "containernetworking-plugins",
      "iptables",
      "conntrack",
      "ethtool",
      "iproute2",
      "util-linux",
      "socat",
      "redis-server",
      "buildah",
    ],
    /** What only tests need: a browser, Python for its SDKs, and a Redis server (above) on the host. */
    tests: ["chromium", "python3-venv"],
  },
} as const;

/** `-X` flags: without them kubeadm and clients take the build for v0.0.0 and refuse to work with it. */
export function linkerFlags(version: string): string {
  const [major = "", minor = ""] = version.replace(/^v/, "").split(".");
  const stamps = ["k8s.io/component-base/version", "k8s.io/client-go/pkg/version"].flatMap((path) => [
    `-X ${path}.gitVersion=${version}`,
    `-X ${path}.gitMajor=${major}`,
    `-X ${path}.gitMinor=${minor}`,
    `-X ${path}.gitTreeState=clean`,
  ]);
  return ["-s", "-w", ...stamps].join(" ");
}
