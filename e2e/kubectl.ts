import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

/** The parts of a Kubernetes object that scenarios read. */
export interface Seen {
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid: string;
    readonly labels?: Record<string, string>;
    readonly annotations?: Record<string, string>;
    readonly deletionTimestamp?: string;
    readonly generation?: number;
  };
  readonly spec?: Record<string, unknown>;
  readonly status?: Record<string, unknown>;
}

class KubectlError extends Error {
  readonly stderr: string;

  constructor(args: readonly string[], stderr: string) {
    super(`kubectl ${args.join(" ")}: ${stderr.trim()}`);
    this.name = "KubectlError";
    this.stderr = stderr;
  }
}

function environment(): NodeJS.ProcessEnv {
  if (process.env["KUBECONFIG"] === undefined) {
    throw new Error(
      'e2e needs a cluster: run `make up CLUSTER=test` and `eval "$(make -s env CLUSTER=test)"` first, or `make test`',
    );
  }
  return process.env;
}

/** Runs the pinned kubectl; rejects with KubectlError, whose `stderr` is what a person would have read. */
export async function kubectl(args: readonly string[], input?: unknown): Promise<string> {
  const child = run("kubectl", [...args], { env: environment(), maxBuffer: 64 << 20 });
  if (input !== undefined) child.child.stdin?.end(typeof input === "string" ? input : JSON.stringify(input));
  try {
    return (await child).stdout;
  } catch (error) {
    throw new KubectlError(args, (error as { stderr?: string }).stderr ?? String(error));
  }
}

export async function getObject<T = Seen>(namespace: string, kind: string, name: string): Promise<T> {
  return JSON.parse(await kubectl(["-n", namespace, "get", kind, name, "-o", "json"])) as T;
}

export async function listObjects<T = Seen>(namespace: string, kind: string, selector = ""): Promise<readonly T[]> {
  const args = ["-n", namespace, "get", kind, "-o", "json", ...(selector === "" ? [] : ["-l", selector])];
  return (JSON.parse(await kubectl(args)) as { items: readonly T[] }).items;
}

export async function applyObject(object: unknown): Promise<void> {
  await kubectl(["apply", "-f", "-"], object);
}

export async function patchObject(
  namespace: string,
  [kind, name]: readonly [string, string],
  patch: unknown,
): Promise<void> {
  await kubectl(["-n", namespace, "patch", kind, name, "--type=merge", "-p", JSON.stringify(patch)]);
}
