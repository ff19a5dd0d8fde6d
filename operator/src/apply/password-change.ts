/** Carries out the steps that change the password of a managed Redis. Each may be repeated, and stopped anywhere. */
import type { RealtimeCluster } from "../api/v1alpha1/realtime-cluster.ts";
import { KubeError, type KubeClient } from "../kube/kube-client.ts";
import { RESOURCES } from "../kube/resources.ts";
import type { SecretObject } from "../observe/objects.ts";
import type { Action, RedisServer } from "../plan/actions.ts";
import {
  NEXT_PASSWORD,
  PASSWORD_VERSION_ANNOTATION,
  PREVIOUS_PASSWORD,
  redisAuth,
  redisNodesAuth,
  redisUrl,
} from "../resources/redis-password.ts";
import { hasSentinels } from "../resources/redis-pod.ts";

type ChangePassword = Extract<Action, { readonly type: "change-password" }>;

/** Talks to servers by any of the passwords `known` to count there. Rejects when one cannot be told. */
export interface RedisAdmin {
  /** Which passwords the default user has. */
  setPasswords(server: RedisServer, passwords: readonly string[], known: readonly string[]): Promise<void>;
  /** By which password the server logs in to others: a replica to its primary, a sentinel to everybody. */
  useForOthers(server: RedisServer, password: string, known: readonly string[]): Promise<void>;
}

export interface PasswordChangeOptions {
  readonly client: Pick<KubeClient, "get" | "patch">;
  readonly randomText: () => string;
  readonly admin: RedisAdmin;
}

interface Passwords {
  readonly password: string;
  readonly next: string;
  readonly previous: string;
}

type Data = Readonly<Record<string, string | null>>;

export class PasswordChange {
  readonly #options: PasswordChangeOptions;

  constructor(options: PasswordChangeOptions) {
    this.#options = options;
  }

  async carryOut(cluster: RealtimeCluster, change: ChangePassword): Promise<void> {
    const { client } = this.#options;
    const { secret: name, resourceVersion, version, step } = change;
    const ref = { resource: RESOURCES.secrets, name, namespace: cluster.metadata.namespace };
    const live = await client.get<SecretObject>(ref);
    if (live?.metadata.resourceVersion !== resourceVersion)
      throw new KubeError(409, "Conflict", "the Secret has changed");
    const decoded = (key: string): string => Buffer.from(live.data?.[key] ?? "", "base64").toString("utf8");
    const data = await this.#perform(cluster, change, {
      password: decoded("password"),
      next: decoded(NEXT_PASSWORD),
      previous: decoded(PREVIOUS_PASSWORD),
    });
    const annotations = step === "move" ? { [PASSWORD_VERSION_ANNOTATION]: String(version) } : {};
    // The version in the patch refuses it where somebody was faster.
    const body = { metadata: { resourceVersion, annotations }, data: encoded(data) };
    await client.patch(ref, { type: "merge", body });
  }

  /** What becomes of the Secret. */
  async #perform(
    cluster: RealtimeCluster,
    { step, servers, version }: ChangePassword,
    { password, next, previous }: Passwords,
  ): Promise<Data> {
    switch (step) {
      case "begin": {
        // A server that starts from now on knows both.
        const made = this.#options.randomText();
        return { [NEXT_PASSWORD]: made, ...auth(cluster, [password, made]) };
      }
      case "move": {
        const both = [password, next];
        // All of them, before anybody uses the new one anywhere.
        for (const server of servers) await this.#options.admin.setPasswords(server, both, both);
        await this.#useForOthers(cluster, servers, [next]);
        return {
          password: next,
          [PREVIOUS_PASSWORD]: password,
          [NEXT_PASSWORD]: null,
          ...(hasSentinels(cluster) ? {} : { url: redisUrl(cluster.metadata, next, version) }),
          ...auth(cluster, [next, password]),
        };
      }
      case "finish":
        // One that started in between may have had older files.
        await this.#useForOthers(cluster, servers, [password, previous]);
        for (const server of servers) await this.#options.admin.setPasswords(server, [password], [password, previous]);
        return { [PREVIOUS_PASSWORD]: null, ...auth(cluster, [password]) };
    }
  }

  /** The first of those that count. */
  async #useForOthers(
    cluster: RealtimeCluster,
    servers: readonly RedisServer[],
    known: readonly [string, ...string[]],
  ): Promise<void> {
    if (!hasSentinels(cluster)) return;
    for (const server of servers) await this.#options.admin.useForOthers(server, known[0], known);
  }
}

/** What servers read when they start; the first is what they log in to each other by. */
function auth(cluster: RealtimeCluster, passwords: readonly string[]): Data {
  return { "auth.conf": hasSentinels(cluster) ? redisNodesAuth(passwords) : redisAuth(passwords) };
}

function encoded(data: Data): Data {
  return Object.fromEntries(
    Object.entries(data).map(([key, value]) => [
      key,
      value === null ? null : Buffer.from(value, "utf8").toString("base64"),
    ]),
  );
}
