import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

class KubectlError extends Error {
  readonly stderr: string;

  constructor(args: readonly string[], stderr: string) {
    super(`kubectl ${args.join(" ")}: ${stderr.trim()}`);
    this.name = "KubectlError";
    this.stderr = stderr;
  }
}

/** That of this process, with the KUBECONFIG of a cluster. */
export function clusterEnvironment(): NodeJS.ProcessEnv {
  if (process.env["KUBECONFIG"] === undefined) {
    throw new Error(
      'e2e needs a cluster: run `make up CLUSTER=test` and `eval "$(make -s env CLUSTER=test)"` first, or `make test`',
    );
  }
  return process.env;
}

/** Runs the pinned kubectl; rejects with KubectlError, whose `stderr` is what a person would have read. */
export async function kubectl(args: readonly string[], input?: unknown): Promise<string> {
  const child = run("kubectl", [...args], { env: clusterEnvironment(), maxBuffer: 64 << 20 });
  if (input !== undefined) child.child.stdin?.end(typeof input === "string" ? input : JSON.stringify(input));
  try {
    return (await child).stdout;
  } catch (error) {
    throw new KubectlError(args, (error as { stderr?: string }).stderr ?? String(error));
  }
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
