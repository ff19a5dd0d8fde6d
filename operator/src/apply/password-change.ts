/** Carries out the steps that change the password of a managed Redis. Each may be repeated, and stopped anywhere. */
import type { RealtimeCluster } from "../api/v1alpha1/realtime-cluster.ts";
import { KubeError, type KubeClient } from "../kube/kube-client.ts";
import { RESOURCES } from "../kube/resources.ts";
import type { SecretObject } from "../observe/objects.ts";
import type { Action } from "../plan/actions.ts";
import {
  NEXT_PASSWORD,
  PASSWORD_VERSION_ANNOTATION,
  PREVIOUS_PASSWORD,
  redisAuth,
  redisUrl,
} from "../resources/redis-password.ts";

type ChangePassword = Extract<Action, { readonly type: "change-password" }>;

/** Tells a Redis which passwords its default user has, by any of those it has now. Rejects when it cannot be told. */
type SetPasswords = (ip: string, passwords: readonly string[], known: readonly string[]) => Promise<void>;

export interface PasswordChangeOptions {
  readonly client: Pick<KubeClient, "get" | "patch">;
  readonly randomText: () => string;
  readonly setPasswords: SetPasswords;
}

export class PasswordChange {
  readonly #options: PasswordChangeOptions;

  constructor(options: PasswordChangeOptions) {
    this.#options = options;
  }

  async carryOut(
    cluster: RealtimeCluster,
    { step, secret, ip, version, resourceVersion }: ChangePassword,
  ): Promise<void> {
    const ref = { resource: RESOURCES.secrets, name: secret, namespace: cluster.metadata.namespace };
    const live = await this.#options.client.get<SecretObject>(ref);
    if (live?.metadata.resourceVersion !== resourceVersion)
      throw new KubeError(409, "Conflict", "the Secret has changed");
    const decoded = (key: string): string => Buffer.from(live.data?.[key] ?? "", "base64").toString("utf8");
    const [password, next, previous] = [decoded("password"), decoded(NEXT_PASSWORD), decoded(PREVIOUS_PASSWORD)];
    const { setPasswords, randomText } = this.#options;
    const write = async (data: Readonly<Record<string, string | null>>, annotations = {}): Promise<void> => {
      // The version in the patch refuses it where somebody was faster.
      const body = { metadata: { resourceVersion, annotations }, data: encoded(data) };
      await this.#options.client.patch(ref, { type: "merge", body });
    };
    switch (step) {
      case "begin": {
        // A Redis that starts from now on knows both.
        const made = randomText();
        return write({ [NEXT_PASSWORD]: made, "auth.conf": redisAuth([password, made]) });
      }
      case "move":
        await setPasswords(ip, [password, next], [password, next]);
        return write(
          {
            password: next,
            [PREVIOUS_PASSWORD]: password,
            [NEXT_PASSWORD]: null,
            url: redisUrl(cluster.metadata, next, version),
            "auth.conf": redisAuth([next, password]),
          },
          { [PASSWORD_VERSION_ANNOTATION]: String(version) },
        );
      case "finish":
        await setPasswords(ip, [password], [password, previous]);
        return write({ [PREVIOUS_PASSWORD]: null, "auth.conf": redisAuth([password]) });
    }
  }
}

function encoded(data: Readonly<Record<string, string | null>>): Readonly<Record<string, string | null>> {
  return Object.fromEntries(
    Object.entries(data).map(([key, value]) => [
      key,
      value === null ? null : Buffer.from(value, "utf8").toString("base64"),
    ]),
  );
}
