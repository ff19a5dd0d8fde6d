/**
 * Brings clusters up and down: `node --conditions=@belay/source e2e/cluster/main.ts VERB`, with CLUSTER, NODES and PROVIDER in
 * the environment. `make up`, `make down` and `make env` call it.
 */
import { chooseProvider, type Chosen } from "./choose-provider.ts";
import { ensureDebianPackages } from "./debian-packages.ts";
import { demoRollout } from "./demo-rollout.ts";
import { installBelay, installChat } from "./deploy.ts";
import { exportLines } from "./environment.ts";
import { withLock } from "./lock.ts";
import { pins } from "./pins.ts";
import { defaultCluster, parseSettings, type Settings } from "./settings.ts";
import { describeFailure, say, seconds } from "./steps.ts";

type Verb = (settings: Settings, chosen: Chosen) => Promise<void>;

async function printEnvironment({ cluster }: Settings, { kind, provider, bin }: Chosen): Promise<void> {
  const [kubeconfig, nodeAddress] = await Promise.all([provider.kubeconfig(), provider.nodeAddress()]);
  process.stdout.write(`${exportLines({ cluster, provider: kind, kubeconfig, bin, nodeAddress })}\n`);
}

/** Cluster, images, Belay, chat: all of it. */
async function up({ cluster }: Settings, { provider, bin }: Chosen): Promise<void> {
  await provider.up();
  const images = await provider.images();
  const target = { bin, kubeconfig: await provider.kubeconfig(), nodeAddress: await provider.nodeAddress() };
  await installBelay(target, images);
  const chat = await installChat(target, images);
  const argument = cluster === defaultCluster ? "" : ` CLUSTER=${cluster}`;
  say("");
  say(`  chat: ${chat} (open it twice)`);
  say(`  your shell: eval "$(make -s env${argument})"; kubectl get rtc -A`);
  say(`  away with it: make down${argument}`);
}

/** Verbs that change a cluster: one process at a time per cluster. */
const changes: Readonly<Record<string, Verb>> = {
  up,
  "cluster-up": (_, { provider }) => provider.up(),
  down: (_, { provider }) => provider.down(),
  images: async (_, { provider }) => {
    process.stdout.write(`${JSON.stringify(await provider.images(), undefined, 2)}\n`);
  },
  "demo-rollout": async (_, { provider, bin }) => {
    const [kubeconfig, nodeAddress] = await Promise.all([provider.kubeconfig(), provider.nodeAddress()]);
    await demoRollout({ bin, kubeconfig, nodeAddress });
  },
  "stop-apiserver": (_, { provider }) => provider.stopApiServer(),
  "start-apiserver": (_, { provider }) => provider.startApiServer(),
};

const questions: Readonly<Record<string, Verb>> = {
  env: printEnvironment,
  "test-packages": async () => {
    await ensureDebianPackages([...pins.debianPackages.cluster, ...pins.debianPackages.tests]);
  },
};

async function main(verb: string): Promise<void> {
  const parsed = parseSettings(process.env);
  if ("problems" in parsed) throw new Error(parsed.problems.join("\n"));
  const { settings } = parsed;
  const question = questions[verb];
  if (question !== undefined) {
    await question(settings, await chooseProvider(settings));
    return;
  }
  const change = changes[verb];
  const known = [...Object.keys(changes), ...Object.keys(questions)].join(", ");
  if (change === undefined) throw new Error(`verb must be one of ${known}, was: ${verb}`);
  const started = performance.now();
  const chosen = await chooseProvider(settings);
  say(`cluster ${settings.cluster}, provider ${chosen.kind}: ${verb}`);
  await withLock(`${settings.cacheRoot}/clusters/${settings.cluster}.lock`, verb, () => change(settings, chosen));
  say(`${verb} took ${seconds(performance.now() - started)}`);
}

try {
  await main(process.argv[2] ?? "");
} catch (error) {
  say(describeFailure(error));
  process.exitCode = 1;
}
