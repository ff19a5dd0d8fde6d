import { KubeError } from "../kube/kube-client.ts";
import { RETRY_CAP_MS, type WorkQueue } from "./work-queue.ts";

/** A server that is away or overloaded comes back for everybody: nobody's work should lie for a quarter of an hour after that. */
const outageCapMs = 30_000;

export interface ReconcileResult {
  /** Look again after this long, also without a change. */
  readonly requeueAfterMs?: number;
}

export interface ControllerOptions {
  readonly queue: WorkQueue;
  readonly workers: number;
  readonly reconcile: (key: string) => Promise<ReconcileResult>;
  /** Logs and counts; must not throw. */
  readonly onResult?: (key: string, outcome: "ok" | "failed", error?: unknown) => void;
}

/** Runs workers over a queue until it is closed; resolves when the last key in hand is done. A throw costs its key a back-off, nothing else. */
export async function runController(options: ControllerOptions): Promise<void> {
  await Promise.all(Array.from({ length: options.workers }, () => work(options)));
}

async function work({ queue, reconcile, onResult }: ControllerOptions): Promise<void> {
  for (;;) {
    const key = await queue.next();
    if (key === undefined) return;
    try {
      const { requeueAfterMs } = await reconcile(key);
      queue.forget(key);
      if (requeueAfterMs !== undefined) queue.addAfter(key, requeueAfterMs);
      onResult?.(key, "ok");
    } catch (error) {
      queue.addAfterFailure(key, retryAfterMs(error), isRefusal(error) ? RETRY_CAP_MS : outageCapMs);
      onResult?.(key, "failed", error);
    } finally {
      queue.done(key);
    }
  }
}

function retryAfterMs(error: unknown): number {
  return error instanceof KubeError ? (error.retryAfterSeconds ?? 0) * 1_000 : 0;
}

/** The server understood and said no: the same again will be refused again. */
function isRefusal(error: unknown): boolean {
  return error instanceof KubeError && error.status < 500 && error.status !== 409 && error.status !== 429;
}
