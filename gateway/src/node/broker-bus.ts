import { z } from "zod";
import type { Broker } from "../broker/broker.ts";
import type { NodeBus } from "./node-bus.ts";

/** A message between nodes. A kind that this version does not know is ignored, so that revisions can mix. */
const MESSAGE: z.ZodType<Message> = z.object({
  kind: z.string(),
  from: z.string(),
  body: z.unknown(),
  ask: z.string().optional(),
  answerTo: z.string().optional(),
  except: z.array(z.string()).optional(),
});

interface Message {
  readonly kind: string;
  readonly from: string;
  readonly body?: unknown;
  /** Id of a question. */
  readonly ask?: string | undefined;
  /** Id of the question that this answers. */
  readonly answerTo?: string | undefined;
  /** Nodes that were told otherwise. */
  readonly except?: readonly string[] | undefined;
}

export interface BrokerBusOptions {
  readonly broker: Pick<Broker, "sendToNode">;
  readonly nodeId: string;
  readonly newId: () => string;
  readonly onFault: (kind: string, error: unknown) => void;
}

const ANSWER = "answer";

/** Carries messages between nodes as JSON through the broker. */
export class BrokerBus implements NodeBus {
  readonly #options: BrokerBusOptions;
  readonly #listeners = new Map<string, (body: unknown, from: string) => unknown>();
  readonly #questions = new Map<string, (answer: unknown) => void>();

  constructor(options: BrokerBusOptions) {
    this.#options = options;
  }

  async tell(nodeId: string, kind: string, body: unknown, except?: readonly string[]): Promise<void> {
    await this.#send(nodeId, { kind, body, from: this.#options.nodeId, ...(except !== undefined && { except }) });
  }

  async ask(nodeId: string, kind: string, body: unknown, timeoutMs: number): Promise<unknown> {
    const ask = this.#options.newId();
    const { promise, resolve } = Promise.withResolvers<unknown>();
    const timer = setTimeout(() => resolve(undefined), timeoutMs);
    this.#questions.set(ask, resolve);
    try {
      await this.#send(nodeId, { kind, body, ask, from: this.#options.nodeId });
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#questions.delete(ask);
    }
  }

  on(kind: string, listener: (body: unknown, from: string) => unknown): void {
    this.#listeners.set(kind, listener);
  }

  /** What the broker brought. Never throws. */
  receive(bytes: Buffer): void {
    const message = parse(bytes);
    if (message === undefined || message.except?.includes(this.#options.nodeId) === true) return;
    if (message.answerTo !== undefined) this.#questions.get(message.answerTo)?.(message.body);
    else void this.#serve(message);
  }

  async #serve({ kind, body, from, ask }: Message): Promise<void> {
    const listener = this.#listeners.get(kind);
    if (listener === undefined) return;
    try {
      const answer = await listener(body, from);
      if (ask === undefined) return;
      await this.#send(from, { kind: ANSWER, body: answer, answerTo: ask, from: this.#options.nodeId });
    } catch (error) {
      this.#options.onFault(kind, error);
    }
  }

  async #send(nodeId: string, message: Message): Promise<void> {
    const bytes = Buffer.from(JSON.stringify(message));
    // A node reaches itself while the broker is away, and before it has come back.
    if (nodeId === this.#options.nodeId) setImmediate(() => this.receive(bytes));
    else await this.#options.broker.sendToNode(nodeId, bytes);
  }
}

function parse(bytes: Buffer): Message | undefined {
  try {
    return MESSAGE.safeParse(JSON.parse(bytes.toString())).data;
  } catch {
    // Not JSON: nothing that a node of ours sends.
    return undefined;
  }
}
