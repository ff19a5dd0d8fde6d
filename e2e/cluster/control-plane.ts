import { eventually } from "../eventually.ts";
import { succeeds } from "./command.ts";
import { type Daemon, ensureDaemon, logFile, runningDaemon } from "./daemon.ts";
import type { ClusterLayout } from "./layout.ts";
import { writeFiles } from "./state-files.ts";
import { type Outcome, step } from "./steps.ts";

const etcdQuotaBytes = 8 * 2 ** 30;

function etcd(layout: ClusterLayout, bin: string): Daemon {
  const client = `http://${layout.loopback}:2379`;
  const peer = `http://${layout.loopback}:2380`;
  return {
    name: "etcd",
    stateDir: layout.stateDir,
    command: [
      `${bin}/etcd`,
      `--data-dir=${layout.stateDir}/etcd`,
      `--listen-client-urls=${client}`,
      `--advertise-client-urls=${client}`,
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=default=${peer}`,
      // A cluster that is thrown away needs no state that survives a power cut.
      "--unsafe-no-fsync",
      // A flood of objects fills the default of 2 GiB, and then every write is refused.
      `--quota-backend-bytes=${etcdQuotaBytes}`,
      "--auto-compaction-mode=periodic",
      "--auto-compaction-retention=5m",
    ],
  };
}

function apiServer(layout: ClusterLayout, bin: string): Daemon {
  const pki = `${layout.stateDir}/pki`;
  return {
    name: "kube-apiserver",
    stateDir: layout.stateDir,
    command: [
      `${bin}/kube-apiserver`,
      `--etcd-servers=http://${layout.loopback}:2379`,
      `--advertise-address=${layout.hostAddress}`,
      `--bind-address=${layout.hostAddress}`,
      "--secure-port=6443",
      `--service-cluster-ip-range=${layout.serviceCidr}`,
      "--allow-privileged=true",
      "--authorization-mode=Node,RBAC",
      "--enable-admission-plugins=NodeRestriction",
      `--client-ca-file=${pki}/ca.crt`,
      `--tls-cert-file=${pki}/apiserver.crt`,
      `--tls-private-key-file=${pki}/apiserver.key`,
      `--kubelet-client-certificate=${pki}/apiserver-kubelet-client.crt`,
      `--kubelet-client-key=${pki}/apiserver-kubelet-client.key`,
      "--kubelet-preferred-address-types=InternalIP",
      `--service-account-key-file=${pki}/sa.pub`,
      `--service-account-signing-key-file=${pki}/sa.key`,
      "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
      ...aggregation(pki),
      // A laptop's cluster has no other tenants to be protected from a test that floods it.
      "--max-requests-inflight=3000",
      "--max-mutating-requests-inflight=1000",
    ],
  };
}

/** Aggregated APIs (custom metrics): the API server is outside the Service network, so it goes to endpoint addresses itself. */
function aggregation(pki: string): readonly string[] {
  return [
    "--enable-aggregator-routing=true",
    `--proxy-client-cert-file=${pki}/front-proxy-client.crt`,
    `--proxy-client-key-file=${pki}/front-proxy-client.key`,
    `--requestheader-client-ca-file=${pki}/front-proxy-ca.crt`,
    "--requestheader-allowed-names=front-proxy-client",
    "--requestheader-extra-headers-prefix=X-Remote-Extra-",
    "--requestheader-group-headers=X-Remote-Group",
    "--requestheader-username-headers=X-Remote-User",
  ];
}

function kubeconfigFlags(layout: ClusterLayout, user: string): readonly string[] {
  const file = `${layout.stateDir}/kubeconfig/${user}.conf`;
  const flags = ["kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig"].map(
    (flag) => `--${flag}=${file}`,
  );
  return [...flags, `--bind-address=${layout.loopback}`, "--leader-elect=false"];
}

/** The user that our images run as. */
const podUser = 65_532;

/**
 * The controller-manager's own provisioner makes volumes below /tmp, a path that cannot be set: it gets a /tmp of its own, which
 * the nodes show as well. A volume belongs to who made it and is closed to all others (fsGroup does not apply to it), so the
 * controller-manager runs as the user that our pods run as; the capabilities let it still read its keys and remove volumes.
 */
function withOwnTmp(layout: ClusterLayout, bin: string, command: readonly string[]): readonly string[] {
  const tools = `${layout.stateDir}/tools`;
  const volumes = `${layout.stateDir}/volumes`;
  const capabilities = "+dac_override,+fowner";
  const script = [
    `mkdir -p ${tools} ${volumes} && chmod 1777 ${volumes}`,
    // The tools may themselves be below /tmp.
    `mount --bind ${bin} ${tools}`,
    `mount --bind ${volumes} /tmp`,
    `exec setpriv --reuid=${podUser} --regid=${podUser} --clear-groups --inh-caps=${capabilities} --ambient-caps=${capabilities} -- ${tools}/"$@"`,
  ].join(" && ");
  return ["unshare", "--mount", "--propagation=private", "--", "sh", "-c", script, "sh", ...command];
}

function controllerManager(layout: ClusterLayout, bin: string): Daemon {
  const pki = `${layout.stateDir}/pki`;
  return {
    name: "kube-controller-manager",
    stateDir: layout.stateDir,
    command: withOwnTmp(layout, bin, [
      "kube-controller-manager",
      "--enable-hostpath-provisioner=true",
      ...kubeconfigFlags(layout, "controller-manager"),
      // Each node has its pod range from the layout.
      "--allocate-node-cidrs=false",
      // It makes this directory, by default below /usr.
      `--flex-volume-plugin-dir=${layout.stateDir}/volume-plugins`,
      `--root-ca-file=${pki}/ca.crt`,
      `--client-ca-file=${pki}/ca.crt`,
      `--requestheader-client-ca-file=${pki}/front-proxy-ca.crt`,
      `--service-account-private-key-file=${pki}/sa.key`,
      "--use-service-account-credentials=true",
      `--cluster-signing-cert-file=${pki}/ca.crt`,
      `--cluster-signing-key-file=${pki}/ca.key`,
      "--kube-api-qps=200",
      "--kube-api-burst=400",
      // The default of 15 s would make every autoscaling test three times as long.
      "--horizontal-pod-autoscaler-sync-period=5s",
    ]),
  };
}

function scheduler(layout: ClusterLayout, bin: string): Daemon {
  return {
    name: "kube-scheduler",
    stateDir: layout.stateDir,
    command: [`${bin}/kube-scheduler`, ...kubeconfigFlags(layout, "scheduler")],
  };
}

/** DNS for pods, as a process beside the API server: it is there before the first pod, and pods need no image for it. */
function coredns(layout: ClusterLayout, bin: string): Daemon {
  return {
    name: "coredns",
    stateDir: layout.stateDir,
    command: [`${bin}/coredns`, `-conf=${layout.stateDir}/Corefile`],
    files: [`${layout.stateDir}/Corefile`],
  };
}

function corefile(layout: ClusterLayout): string {
  return `.:53 {
  bind ${layout.hostAddress}
  errors
  ready ${layout.hostAddress}:8181
  kubernetes cluster.local in-addr.arpa {
    kubeconfig ${layout.stateDir}/kubeconfig/coredns.conf
    ttl 5
  }
  cache 5
  loadbalance
}
`;
}

/** The pinned kubectl with all rights. */
export function kubectl(layout: ClusterLayout, bin: string): readonly string[] {
  return [`${bin}/kubectl`, `--kubeconfig=${layout.stateDir}/kubeconfig/super-admin.conf`];
}

async function awaitApiServer(layout: ClusterLayout, bin: string): Promise<void> {
  await eventually("the API server is ready", { withinMs: 60_000, everyMs: 200 }, async () => {
    if (runningDaemon(layout.stateDir, "kube-apiserver") === undefined) throw new Error("it ended");
    return (await succeeds([...kubectl(layout, bin), "get", "--raw", "/readyz"])) ? true : undefined;
  });
}

export function ensureApiServer(layout: ClusterLayout, bin: string): Promise<Outcome> {
  return daemonStep(apiServer(layout, bin), () => awaitApiServer(layout, bin));
}

function daemonStep(daemon: Daemon, ready: () => Promise<void> = async () => undefined): Promise<Outcome> {
  return step(
    daemon.name,
    async () => {
      const { outcome } = await ensureDaemon(daemon);
      await ready();
      return outcome;
    },
    logFile(daemon.stateDir, daemon.name),
  );
}

/** etcd, API server, controllers, scheduler and DNS as processes of this machine. */
export async function ensureControlPlane(layout: ClusterLayout, bin: string): Promise<void> {
  await daemonStep(etcd(layout, bin));
  await ensureApiServer(layout, bin);
  writeFiles({ [`${layout.stateDir}/Corefile`]: corefile(layout) });
  await Promise.all([controllerManager, scheduler, coredns].map((make) => daemonStep(make(layout, bin))));
}
