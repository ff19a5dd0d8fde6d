/** Sends drain requests to gateway pods and remembers what they accepted. */
import type { DrainCancellation, DrainRequest } from "@belay/protocol/control";
import type { DrainSent } from "../plan/observed.ts";
import type { ControlPort, ControlTarget } from "./control-port.ts";

export class DrainClient {
  readonly #controlPort: Pick<ControlPort, "post">;
  readonly #sent = new Map<string, DrainSent>();

  constructor(controlPort: Pick<ControlPort, "post">) {
    this.#controlPort = controlPort;
  }

  /** What the pod accepted last; forgotten with the process, and then sent again. */
  sent(podUid: string): DrainSent | undefined {
    return this.#sent.get(podUid);
  }

  forget(podUid: string): void {
    this.#sent.delete(podUid);
  }

  /** Rejects when the pod cannot be reached or refuses. */
  async send(pod: ControlTarget, token: string, body: DrainRequest): Promise<void> {
    await this.#controlPort.post(pod, token, "/drain", body);
    const { ratePerSecond, term, policy } = body;
    this.#sent.set(pod.uid, { ratePerSecond, term, ...(policy !== undefined && { policy }) });
  }

  /** Rejects when the pod cannot be reached or refuses. */
  async cancel(pod: ControlTarget, token: string, body: DrainCancellation): Promise<void> {
    await this.#controlPort.post(pod, token, "/drain", body);
    this.#sent.delete(pod.uid);
  }
}
