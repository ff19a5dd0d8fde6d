import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { eventually } from "../eventually.ts";
import { run } from "./command.ts";
import { contentKey, directoryParts } from "./content-key.ts";
import { repository } from "./images.ts";
import type { Images } from "./provider.ts";
import { step } from "./steps.ts";

export interface Target {
  readonly bin: string;
  readonly kubeconfig: string;
  readonly nodeAddress: string;
}

const release = "belay";
const releaseNamespace = "belay-system";
const chatNamespace = "chat";

/** What `make up` sets of the chart's values. Pure. */
export function chartValues(images: Images): readonly string[] {
  const colon = images.operator.lastIndexOf(":");
  const values = {
    replicas: "2",
    "image.repository": images.operator.slice(0, colon),
    "image.tag": images.operator.slice(colon + 1),
    gatewayImage: images.gateway,
    redisImage: images.redis,
  };
  return Object.entries(values).flatMap(([name, value]) => ["--set", `${name}=${value}`]);
}

/** The example's manifest with the image that this machine has built. Pure. */
export function withChatImage(manifest: string, image: string): string {
  return manifest.replaceAll(/belay\.local\/chat(:[\w.-]+)?/g, image);
}

/** Belay by its chart; the release's description carries a digest of chart and values, so that the same is not installed twice. */
export async function installBelay({ bin, kubeconfig }: Target, images: Images): Promise<void> {
  const chart = join(repository, "charts/belay");
  const values = chartValues(images);
  const description = `content ${contentKey([...values, ...directoryParts(chart)])}`;
  const helm = [`${bin}/helm`, `--kubeconfig=${kubeconfig}`, `--namespace=${releaseNamespace}`];
  await step("helm upgrade --install belay charts/belay", async ({ note }) => {
    if (await isDeployed(helm, description)) return "unchanged";
    await forgetUnfinished({ bin, kubeconfig });
    const options = ["--create-namespace", "--wait", "--timeout=120s", `--description=${description}`, ...values];
    await run([...helm, "upgrade", "--install", release, chart, ...options], { onLine: note });
    return "done";
  });
}

/**
 * A helm that was killed leaves a revision "pending", and every later one refuses to work beside it. Without that record the next
 * upgrade adopts what the dead one had made.
 */
async function forgetUnfinished({ bin, kubeconfig }: Pick<Target, "bin" | "kubeconfig">): Promise<void> {
  const pending = `owner=helm,name=${release},status in (pending-install,pending-upgrade,pending-rollback)`;
  const kubectl = [`${bin}/kubectl`, `--kubeconfig=${kubeconfig}`, `--namespace=${releaseNamespace}`];
  await run([...kubectl, "delete", "secrets", `--selector=${pending}`]);
}

async function isDeployed(helm: readonly string[], description: string): Promise<boolean> {
  try {
    const history = await run([...helm, "history", release, "--max=1", "--output=json"]);
    const [last] = JSON.parse(history) as readonly { readonly status: string; readonly description: string }[];
    return last?.status === "deployed" && last.description === description;
  } catch {
    // helm fails where there is no such release.
    return false;
  }
}

interface Service {
  readonly spec: {
    readonly clusterIP: string;
    readonly ports: readonly { readonly port: number; readonly nodePort?: number }[];
  };
}

/** The chat example; ends when its page answers, with the page's address. */
export async function installChat({ bin, kubeconfig, nodeAddress }: Target, images: Images): Promise<string> {
  const kubectl = [`${bin}/kubectl`, `--kubeconfig=${kubeconfig}`];
  await step("kubectl apply the chat example", async () => {
    const manifest = await readFile(join(repository, "examples/chat/kubernetes.yaml"), "utf8");
    const printed = await run([...kubectl, "apply", "-f", "-"], { input: withChatImage(manifest, images.chat) });
    return printed.split("\n").every((line) => line.endsWith("unchanged")) ? "unchanged" : "done";
  });
  const inChat = [...kubectl, `--namespace=${chatNamespace}`];
  await step("the chat's RealtimeCluster and page are ready", async () => {
    await run([...inChat, "wait", "rtc/chat", "--for=condition=Ready", "--timeout=90s"]);
    await run([...inChat, "rollout", "status", "deployment/chat", "--timeout=90s"]);
    return "done";
  });
  const address = await chatAddress({ bin, kubeconfig, nodeAddress });
  await eventually("the chat page answers", { withinMs: 30_000 }, async () => {
    const answer = await fetch(address);
    await answer.body?.cancel();
    if (!answer.ok) throw new Error(`${answer.status}`);
    return true;
  });
  return address;
}

/** Where the chat's page is. */
export async function chatAddress({ bin, kubeconfig, nodeAddress }: Target): Promise<string> {
  const kubectl = [`${bin}/kubectl`, `--kubeconfig=${kubeconfig}`, `--namespace=${chatNamespace}`];
  const { spec } = JSON.parse(await run([...kubectl, "get", "service/chat-page", "--output=json"])) as Service;
  const [port] = spec.ports;
  return port?.nodePort === undefined
    ? `http://${spec.clusterIP}:${port?.port ?? 80}/`
    : `http://${nodeAddress}:${port.nodePort}/`;
}
