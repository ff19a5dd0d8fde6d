/** Frames that a client of an HTTP stream sends by POST, on their way to the node that holds the stream (EMU1–EMU6). */
import type { EmulationRequest } from "@belay/protocol";
import { BrokerUnavailableError } from "../broker/broker.ts";
import type { NodeBus } from "./node-bus.ts";

/** `gone`: nobody has the session, and it will not come back. `unreachable`: whether its node took the frame is not known. */
export type EmulationOutcome = "accepted" | "gone" | "unreachable";

export interface EmulationRouterOptions {
  readonly nodeId: string;
  readonly bus: NodeBus;
  /** Hands a frame to a session of this node. */
  readonly accept: (session: string, frame: Buffer) => Promise<boolean> | boolean;
  /** Whether a node of this id lives, however young. Rejects with BrokerUnavailableError. */
  readonly isLive: (nodeId: string) => Promise<boolean>;
}

const KIND = "emulation";
/** Within the 5 s after which SDKs give a command up. */
const ANSWER_TIMEOUT_MS = 3000;
/** What a pod uid or another node id may look like. Nothing that means something in a channel name or a pattern. */
const NODE_ID = /^(?!all$)[-0-9A-Za-z]{1,64}$/;
const SESSION = /^[-_0-9A-Za-z]{1,64}$/;

/** Whether both names could be ones that a node gave out in a connect reply. */
export function isEmulationAddress({ node, session }: EmulationRequest): boolean {
  return NODE_ID.test(node) && SESSION.test(session);
}

export class EmulationRouter {
  readonly #options: EmulationRouterOptions;

  constructor(options: EmulationRouterOptions) {
    this.#options = options;
    options.bus.on(KIND, (body) => this.#onAsked(body));
  }

  /** Resolves once the owner has put the frame into the session's order, or it is clear that nobody will. Never rejects. */
  async route(request: EmulationRequest): Promise<EmulationOutcome> {
    const { nodeId, accept } = this.#options;
    if (!isEmulationAddress(request)) return "gone";
    const frame = Buffer.from(request.data.buffer, request.data.byteOffset, request.data.byteLength);
    if (request.node === nodeId) return (await accept(request.session, frame)) ? "accepted" : "gone";
    return this.#ask(request.node, { session: request.session, frame: frame.toString("base64") });
  }

  async #ask(node: string, body: ForwardedFrame): Promise<EmulationOutcome> {
    const { bus, isLive } = this.#options;
    try {
      if (!(await isLive(node))) return "gone";
      const answer = await bus.ask(node, KIND, body, ANSWER_TIMEOUT_MS);
      if (answer === true) return "accepted";
      // A node that left meanwhile has taken its sessions along.
      return answer === false || !(await isLive(node)) ? "gone" : "unreachable";
    } catch (error) {
      if (error instanceof BrokerUnavailableError) return "unreachable";
      throw error;
    }
  }

  async #onAsked(body: unknown): Promise<boolean> {
    return isForwardedFrame(body) && (await this.#options.accept(body.session, Buffer.from(body.frame, "base64")));
  }
}

interface ForwardedFrame {
  readonly session: string;
  /** Base64. */
  readonly frame: string;
}

function isForwardedFrame(body: unknown): body is ForwardedFrame {
  const { session, frame } = (body ?? {}) as Partial<Record<string, unknown>>;
  return typeof session === "string" && typeof frame === "string";
}
