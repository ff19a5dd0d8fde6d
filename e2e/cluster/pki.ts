import { cpSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { run } from "./command.ts";
import type { ClusterLayout } from "./layout.ts";
import { pins } from "./pins.ts";
import { type Outcome, step } from "./steps.ts";

/** What kubeadm is told of the cluster. Pure; `node` matters for kubelet certificates only. */
function kubeadmConfig(layout: ClusterLayout, certificatesDir: string, node: string): string {
  const documents = [
    {
      apiVersion: "kubeadm.k8s.io/v1beta4",
      kind: "InitConfiguration",
      localAPIEndpoint: { advertiseAddress: layout.hostAddress, bindPort: 6443 },
      nodeRegistration: { name: node, criSocket: "unix:///none" },
    },
    {
      apiVersion: "kubeadm.k8s.io/v1beta4",
      kind: "ClusterConfiguration",
      clusterName: layout.name,
      kubernetesVersion: pins.kubernetes,
      certificatesDir,
      controlPlaneEndpoint: `${layout.hostAddress}:6443`,
      encryptionAlgorithm: "ECDSA-P256",
      networking: { podSubnet: layout.podCidr, serviceSubnet: layout.serviceCidr },
      apiServer: { certSANs: ["127.0.0.1", "localhost"] },
    },
  ];
  return documents.map((document) => JSON.stringify(document)).join("\n---\n");
}

/** Users beyond those that kubeadm knows: each has only the rights its role binding gives. */
const users: Readonly<Record<string, string>> = { "kube-proxy": "system:kube-proxy", coredns: "system:coredns" };

/**
 * Certificates and kubeconfigs, all by kubeadm. They are made in a draft directory that gets its name when all are there, so that
 * a killed run leaves either everything or nothing.
 */
export function ensurePki(layout: ClusterLayout, bin: string): Promise<Outcome> {
  return step("certificates and kubeconfigs", async () => {
    const { stateDir } = layout;
    if (existsSync(`${stateDir}/kubeconfig`)) return "unchanged";
    const draft = `${stateDir}/pki.draft`;
    for (const old of [draft, `${stateDir}/pki`]) rmSync(old, { recursive: true, force: true });
    mkdirSync(`${draft}/kubeconfig`, { recursive: true, mode: 0o700 });
    await makeCertificates(layout, `${bin}/kubeadm`, draft);
    for (const node of layout.nodes) {
      mkdirSync(node.stateDir, { recursive: true });
      cpSync(`${draft}/${node.name}/kubelet.conf`, `${node.stateDir}/kubelet.conf`);
    }
    renameSync(`${draft}/pki`, `${stateDir}/pki`);
    renameSync(`${draft}/kubeconfig`, `${stateDir}/kubeconfig`);
    rmSync(draft, { recursive: true });
    return "done";
  });
}

async function makeCertificates(layout: ClusterLayout, kubeadm: string, draft: string): Promise<void> {
  const config = `${draft}/kubeadm.yaml`;
  writeFileSync(config, kubeadmConfig(layout, `${draft}/pki`, "control-plane"));
  await run([kubeadm, "init", "phase", "certs", "all", `--config=${config}`]);
  const kubeconfig = [kubeadm, "init", "phase", "kubeconfig"];
  for (const who of ["admin", "super-admin", "controller-manager", "scheduler"]) {
    await run([...kubeconfig, who, `--config=${config}`, `--kubeconfig-dir=${draft}/kubeconfig`]);
  }
  for (const [file, user] of Object.entries(users)) {
    const text = await run([kubeadm, "kubeconfig", "user", `--client-name=${user}`, `--config=${config}`]);
    writeFileSync(`${draft}/kubeconfig/${file}.conf`, text, { mode: 0o600 });
  }
  for (const node of layout.nodes) {
    const own = `${draft}/${node.name}.yaml`;
    writeFileSync(own, kubeadmConfig(layout, `${draft}/pki`, node.name));
    await run([...kubeconfig, "kubelet", `--config=${own}`, `--kubeconfig-dir=${draft}/${node.name}`]);
  }
}
