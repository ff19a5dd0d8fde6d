/** Asks gateway pods for something at their control port. */
import { CONTROL_PORT } from "@belay/protocol/control";
import { Agent, request } from "undici";

const TIMEOUT_MS = 2_000;

export interface ControlTarget {
  readonly uid: string;
  readonly ip: string;
}

/** The pod answered with an error. */
export class ControlPortError extends Error {
  readonly status: number;

  constructor(path: string, status: number, text: string) {
    super(`${path} answered ${status}: ${text.slice(0, 200)}`);
    this.name = "ControlPortError";
    this.status = status;
  }
}

export class ControlPort {
  readonly #agent = new Agent({ allowH2: false, connections: 1, connect: { timeout: TIMEOUT_MS } });

  /** Rejects when the pod cannot be reached, and with ControlPortError when it refuses. */
  async post(pod: ControlTarget, token: string, path: string, body: object): Promise<void> {
    const host = pod.ip.includes(":") ? `[${pod.ip}]` : pod.ip;
    const response = await request(`http://${host}:${CONTROL_PORT}${path}`, {
      method: "POST",
      dispatcher: this.#agent,
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const text = await response.body.text();
    if (response.statusCode >= 300) throw new ControlPortError(path, response.statusCode, text);
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }
}
