/** Sends drain requests to gateway pods and remembers what they accepted. */
import type { DrainRequest } from "@belay/protocol/control";
import type { ObservedPod } from "../plan/observed.ts";
import type { ControlPort, ControlTarget } from "./control-port.ts";

export class DrainClient {
  readonly #controlPort: Pick<ControlPort, "post">;
  readonly #sent = new Map<string, NonNullable<ObservedPod["drainSent"]>>();

  constructor(controlPort: Pick<ControlPort, "post">) {
    this.#controlPort = controlPort;
  }

  /** What the pod accepted last; forgotten with the process, and then sent again. */
  sent(podUid: string): ObservedPod["drainSent"] {
    return this.#sent.get(podUid);
  }

  forget(podUid: string): void {
    this.#sent.delete(podUid);
  }

  /** Rejects when the pod cannot be reached or refuses. */
  async send(pod: ControlTarget, token: string, body: DrainRequest): Promise<void> {
    await this.#controlPort.post(pod, token, "/drain", body);
    this.#sent.set(pod.uid, { ratePerSecond: body.ratePerSecond, term: body.term });
  }
}
