import type { ClusterLayout } from "./layout.ts";

function clusterRoleBinding(
  name: string,
  role: string,
  subject: { readonly kind: "User" | "Group"; readonly name: string },
): unknown {
  return {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRoleBinding",
    metadata: { name },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: role },
    subjects: [{ apiGroup: "rbac.authorization.k8s.io", ...subject }],
  };
}

/** What `kubeadm init` would have put into a new cluster, as far as it is used here. Pure. */
export function clusterObjects(layout: ClusterLayout): unknown {
  const ports = ["UDP", "TCP"].map((protocol) => ({ name: `dns-${protocol.toLowerCase()}`, port: 53, protocol }));
  const dns = { namespace: "kube-system", labels: { "kubernetes.io/service-name": "kube-dns" } };
  return {
    apiVersion: "v1",
    kind: "List",
    items: [
      // The group of kubeadm's admin.conf, and of the API server where it calls kubelets for logs and exec.
      clusterRoleBinding("kubeadm:cluster-admins", "cluster-admin", { kind: "Group", name: "kubeadm:cluster-admins" }),
      clusterRoleBinding("belay:coredns", "belay:coredns", { kind: "User", name: "system:coredns" }),
      {
        apiVersion: "rbac.authorization.k8s.io/v1",
        kind: "ClusterRole",
        metadata: { name: "belay:coredns" },
        rules: [
          { apiGroups: [""], resources: ["services", "pods", "namespaces"], verbs: ["list", "watch"] },
          { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: ["list", "watch"] },
        ],
      },
      // Volumes that every node sees, since all nodes are this machine.
      {
        apiVersion: "storage.k8s.io/v1",
        kind: "StorageClass",
        metadata: { name: "standard", annotations: { "storageclass.kubernetes.io/is-default-class": "true" } },
        provisioner: "kubernetes.io/host-path",
        reclaimPolicy: "Delete",
      },
      // No selector: the endpoint is CoreDNS on this machine.
      {
        apiVersion: "v1",
        kind: "Service",
        metadata: { name: "kube-dns", namespace: dns.namespace },
        spec: { clusterIP: layout.dnsAddress, ports },
      },
      {
        apiVersion: "discovery.k8s.io/v1",
        kind: "EndpointSlice",
        metadata: { name: "kube-dns", ...dns },
        addressType: "IPv4",
        endpoints: [{ addresses: [layout.hostAddress], conditions: { ready: true } }],
        ports,
      },
    ],
  };
}
