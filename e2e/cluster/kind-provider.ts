import { mkdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { eventually } from "../eventually.ts";
import type { Cache } from "./cache.ts";
import { run, succeeds } from "./command.ts";
import { contentKey, directoryParts } from "./content-key.ts";
import { binariesFor, ensureBinaries } from "./go-binaries.ts";
import { makeBundles, productFolders, repository } from "./images.ts";
import { kindCommands, kindConfig, kindName, type KindPlace } from "./kind.ts";
import { pins } from "./pins.ts";
import type { Images, Provider } from "./provider.ts";
import { step } from "./steps.ts";

export interface KindRequest {
  readonly name: string;
  readonly nodes: number | undefined;
  readonly cache: Cache;
}

const defaultNodes = 2;

interface NodeList {
  readonly items: readonly {
    readonly metadata: { readonly name: string };
    readonly spec: { readonly podCIDR?: string };
  }[];
}

/** Kubernetes in Docker containers, by kind. */
export class KindProvider implements Provider {
  readonly #cache: Cache;
  readonly #nodes: number;
  readonly #place: KindPlace;

  constructor({ name, nodes, cache }: KindRequest) {
    this.#cache = cache;
    this.#nodes = nodes ?? defaultNodes;
    this.#place = { cluster: name, kind: `${cache.bin}/kind`, kubeconfig: `${cache.root}/kind/${name}.conf` };
  }

  async up(): Promise<void> {
    await ensureBinaries(this.#cache, binariesFor("kind"));
    await mkdir(dirname(this.#place.kubeconfig), { recursive: true });
    await step(`kind cluster ${kindName(this.#place.cluster)}`, async ({ note }) => {
      if (await this.#exists()) {
        await run(kindCommands.kubeconfig(this.#place));
        return "unchanged";
      }
      const input = kindConfig(this.#place.cluster, this.#nodes);
      await run(kindCommands.create(this.#place), { input, onLine: note });
      return "done";
    });
    await this.#ensureRoutes();
  }

  async down(): Promise<void> {
    await ensureBinaries(this.#cache, binariesFor("kind"));
    await step(`remove kind cluster ${kindName(this.#place.cluster)}`, async () => {
      const existed = await this.#exists();
      // The routes go with the addresses: Docker takes its network's interface routes away.
      await run(kindCommands.remove(this.#place));
      return existed ? "done" : "unchanged";
    });
  }

  async images(): Promise<Images> {
    await makeBundles();
    const [gateway, operator, chat] = [await product("gateway"), await product("operator"), await product("chat")];
    const nextGateway = `${gateway}-next`;
    await run(kindCommands.tag(gateway, nextGateway));
    await run(kindCommands.pull(pins.dockerRedisImage));
    const images = { gateway, nextGateway, operator, chat, redis: pins.dockerRedisImage };
    await step("images into the nodes", async ({ note }) => {
      await run(kindCommands.load(this.#place, Object.values(images)), { onLine: note });
      return "done";
    });
    return images;
  }

  async stopApiServer(): Promise<void> {
    await run(kindCommands.moveApiServer(this.#place.cluster, "away"));
    await eventually("the API server is gone", { withinMs: 60_000 }, async () =>
      (await this.#answers()) ? undefined : true,
    );
  }

  async startApiServer(): Promise<void> {
    await run(kindCommands.moveApiServer(this.#place.cluster, "back"));
    await eventually("the API server is ready", { withinMs: 120_000 }, async () =>
      (await this.#answers()) ? true : undefined,
    );
  }

  kubeconfig(): Promise<string> {
    return Promise.resolve(this.#place.kubeconfig);
  }

  async nodeAddress(): Promise<string> {
    return (await run(kindCommands.nodeAddress(`${kindName(this.#place.cluster)}-control-plane`))).trim();
  }

  #kubectl(...args: readonly string[]): readonly string[] {
    return [`${this.#cache.bin}/kubectl`, `--kubeconfig=${this.#place.kubeconfig}`, ...args];
  }

  async #exists(): Promise<boolean> {
    return (await run(kindCommands.list(this.#place))).split("\n").includes(kindName(this.#place.cluster));
  }

  #answers(): Promise<boolean> {
    return succeeds(this.#kubectl("get", "--raw", "/readyz", "--request-timeout=2s"));
  }

  async #ensureRoutes(): Promise<void> {
    await step("routes to pods and Services", async () => {
      const { items } = JSON.parse(await run(this.#kubectl("get", "nodes", "-o", "json"))) as NodeList;
      for (const { metadata, spec } of items) {
        const address = (await run(kindCommands.nodeAddress(metadata.name))).trim();
        if (spec.podCIDR !== undefined) await run(kindCommands.route(spec.podCIDR, address));
      }
      // kind's default Service range.
      await run(kindCommands.route("10.96.0.0/16", await this.nodeAddress()));
      return "done";
    });
  }
}

async function product(name: keyof typeof productFolders): Promise<string> {
  const folder = join(repository, productFolders[name]);
  const parts = [
    await readFile(`${folder}/Dockerfile`),
    pins.dockerBaseImage,
    ...directoryParts(`${folder}/dist/image`),
  ];
  const image = `belay.local/${name}:${contentKey(parts)}`;
  await step(`image ${image}`, async ({ note }) => {
    await run(kindCommands.build(image, folder), { onLine: note });
    return "done";
  });
  return image;
}
