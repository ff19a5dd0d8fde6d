/** Has a gateway remove what pods that are gone held. */
import { type ControlPort, ControlPortError, type ControlTarget } from "./control-port.ts";

export interface SweepClientOptions {
  readonly controlPort: Pick<ControlPort, "post">;
  /** These need no sweep any more. */
  readonly onSwept: (podUids: readonly string[]) => void;
}

export class SweepClient {
  readonly #options: SweepClientOptions;

  constructor(options: SweepClientOptions) {
    this.#options = options;
  }

  /** Rejects when the pod cannot be reached or cannot do it now. */
  async send(pod: ControlTarget, token: string, podUids: readonly string[]): Promise<void> {
    const { controlPort, onSwept } = this.#options;
    try {
      await controlPort.post(pod, token, "/sweep", { podUids });
    } catch (error) {
      // An image that does not know the request: the leases end by themselves.
      if (!(error instanceof ControlPortError) || error.status !== 404) throw error;
    }
    onSwept(podUids);
  }
}
