/** A socket of the handover model: first in, first out on each side, until it is cut. */
import type { FromClient, FromPod, ModelPod, PodConnection } from "./handover-parts.ts";
import type { HandoverWorld } from "./handover-world.ts";

export interface LinkClient {
  onMessage(link: ModelLink, message: FromPod): void;
  onLost(link: ModelLink): void;
}

export class ModelLink {
  readonly pod: ModelPod;
  readonly #world: HandoverWorld;
  readonly #client: LinkClient;
  #connection: PodConnection | undefined;
  #toClient: FromPod[] = [];
  #toPod: FromClient[] = [];
  #isOpen = true;

  constructor(world: HandoverWorld, pod: ModelPod, client: LinkClient) {
    this.#world = world;
    this.pod = pod;
    this.#client = client;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  attach(connection: PodConnection): void {
    this.#connection = connection;
  }

  toClient(message: FromPod): void {
    if (!this.#isOpen) return;
    this.#toClient.push(message);
    this.#world.later(undefined, () => {
      const next = this.#toClient.shift();
      if (next === undefined) return;
      if (next.kind === "closed") this.#isOpen = false;
      this.#client.onMessage(this, next);
    });
  }

  toPod(message: FromClient): void {
    if (!this.#isOpen) return;
    if (message.kind === "close") this.#isOpen = false;
    this.#toPod.push(message);
    this.#world.later(this.pod, () => {
      const next = this.#toPod.shift();
      if (next !== undefined) this.#connection?.onMessage(next);
    });
  }

  /** The network: what is on its way to the client is gone, and both learn of it some time. */
  cut(): void {
    if (!this.#isOpen) return;
    this.breakFromPod();
    this.#toPod = [];
    this.#world.later(this.pod, () => this.#connection?.end("lost"));
  }

  breakFromPod(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#toClient = [];
    this.#world.later(undefined, () => this.#client.onLost(this));
  }
}
