/** Sends drain requests to gateway pods and remembers what they accepted. */
import { CONTROL_PORT, type DrainRequest } from "@belay/protocol/control";
import { Agent, request } from "undici";
import type { ObservedPod } from "../plan/observed.ts";

const TIMEOUT_MS = 2_000;

export class DrainClient {
  readonly #agent = new Agent({ allowH2: false, connections: 1, connect: { timeout: TIMEOUT_MS } });
  readonly #sent = new Map<string, NonNullable<ObservedPod["drainSent"]>>();

  /** What the pod accepted last; forgotten with the process, and then sent again. */
  sent(podUid: string): ObservedPod["drainSent"] {
    return this.#sent.get(podUid);
  }

  forget(podUid: string): void {
    this.#sent.delete(podUid);
  }

  /** Rejects when the pod cannot be reached or refuses. */
  async send(pod: { readonly uid: string; readonly ip: string }, token: string, body: DrainRequest): Promise<void> {
    const host = pod.ip.includes(":") ? `[${pod.ip}]` : pod.ip;
    const response = await request(`http://${host}:${CONTROL_PORT}/drain`, {
      method: "POST",
      dispatcher: this.#agent,
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const text = await response.body.text();
    if (response.statusCode >= 300) throw new Error(`/drain answered ${response.statusCode}: ${text.slice(0, 200)}`);
    this.#sent.set(pod.uid, { ratePerSecond: body.ratePerSecond, term: body.term });
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }
}
