import type { ClusterLayout, NodeLayout } from "./layout.ts";

/** Files of one Kubernetes node, by their path. Pure; JSON where the reader takes YAML. */
export function nodeFiles(
  layout: ClusterLayout,
  node: NodeLayout,
  pauseImage: string,
): Readonly<Record<string, string>> {
  return {
    [`${node.stateDir}/cni/10-pods.conflist`]: JSON.stringify(cniConfig(node), undefined, 2),
    [`${node.stateDir}/containerd.toml`]: containerdConfig(node, pauseImage),
    [`${node.stateDir}/kubelet.json`]: JSON.stringify(kubeletConfig(layout, node), undefined, 2),
    [`${node.stateDir}/kube-proxy.json`]: JSON.stringify(kubeProxyConfig(layout, node), undefined, 2),
    // Pods get the cluster's DNS from the kubelet; this file stands for "the node has none of its own".
    [`${node.stateDir}/resolv.conf`]: "nameserver 127.0.0.1\n",
  };
}

function cniConfig(node: NodeLayout): unknown {
  return {
    cniVersion: "1.0.0",
    name: "pods",
    plugins: [
      {
        type: "bridge",
        bridge: "cni0",
        isGateway: true,
        ipMasq: false,
        hairpinMode: true,
        ipam: {
          type: "host-local",
          ranges: [[{ subnet: node.podCidr }]],
          routes: [{ dst: "0.0.0.0/0" }],
          dataDir: `${node.stateDir}/ipam`,
        },
      },
      { type: "portmap", capabilities: { portMappings: true } },
    ],
  };
}

function containerdConfig(node: NodeLayout, pauseImage: string): string {
  const cri = 'plugins."io.containerd.grpc.v1.cri"';
  return `version = 2
root = "${node.stateDir}/containerd"
state = "${node.stateDir}/containerd-state"
[grpc]
address = "${node.socket}"
[${cri}]
sandbox_image = "${pauseImage}"
# Lowering an OOM score takes a capability that containers and small virtual machines often lack.
restrict_oom_score_adj = true
[${cri}.cni]
bin_dir = "/usr/lib/cni"
conf_dir = "${node.stateDir}/cni"
[${cri}.containerd]
snapshotter = "overlayfs"
default_runtime_name = "runc"
[${cri}.containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[${cri}.containerd.runtimes.runc.options]
SystemdCgroup = false
`;
}

function kubeletConfig(layout: ClusterLayout, node: NodeLayout): unknown {
  return {
    apiVersion: "kubelet.config.k8s.io/v1beta1",
    kind: "KubeletConfiguration",
    authentication: {
      x509: { clientCAFile: `${layout.stateDir}/pki/ca.crt` },
      webhook: { enabled: true },
      anonymous: { enabled: false },
    },
    authorization: { mode: "Webhook" },
    cgroupDriver: "cgroupfs",
    cgroupRoot: `/${node.cgroup}`,
    failCgroupV1: false,
    failSwapOn: false,
    oomScoreAdj: 0,
    clusterDNS: [layout.dnsAddress],
    clusterDomain: "cluster.local",
    resolvConf: `${node.stateDir}/resolv.conf`,
    containerRuntimeEndpoint: `unix://${node.socket}`,
    // Two kubelets that share a directory of logs delete each other's.
    podLogsDir: `${node.stateDir}/pod-logs`,
    volumePluginDir: `${node.stateDir}/volume-plugins`,
    // State is on tmpfs: neither eviction nor image collection has a disk to look after.
    localStorageCapacityIsolation: false,
    evictionHard: { "memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%" },
    imageGCHighThresholdPercent: 100,
    imageGCLowThresholdPercent: 99,
    containerLogMaxSize: "10Mi",
    serializeImagePulls: false,
    kubeAPIQPS: 200,
    kubeAPIBurst: 400,
    eventRecordQPS: 0,
  };
}

function kubeProxyConfig(layout: ClusterLayout, node: NodeLayout): unknown {
  return {
    apiVersion: "kubeproxy.config.k8s.io/v1alpha1",
    kind: "KubeProxyConfiguration",
    clientConnection: { kubeconfig: `${layout.stateDir}/kubeconfig/kube-proxy.conf` },
    // With the pod range known, sources outside it (this machine) are masqueraded: that is what lets the host use Services.
    clusterCIDR: layout.podCidr,
    mode: "iptables",
    // Connection tracking is sized for the whole machine and cannot be set from a namespace.
    conntrack: { maxPerCore: 0, min: 0 },
    oomScoreAdj: 0,
    hostnameOverride: node.name,
  };
}
