import type { IncomingMessage } from "node:http";
import type { KubeClient, KubeObject } from "../kube/kube-client.ts";
import { RESOURCES } from "../kube/resources.ts";

/** How the API server proves, with its client certificate, that it speaks for the user it names in headers. */
export interface FrontProxy {
  /** PEM of the CA that signed the API server's proxy certificate. */
  readonly ca: string;
  /** Common names that may speak for others; empty: any that the CA signed. */
  readonly allowedNames: readonly string[];
  readonly usernameHeaders: readonly string[];
  readonly groupHeaders: readonly string[];
  readonly extraPrefixes: readonly string[];
}

/** Who asked, as the API server says. */
export interface ProxiedUser {
  readonly user: string;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

interface AuthenticationConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

/** Reads what every cluster publishes for extension API servers. Throws where the cluster has no front proxy. */
export async function readFrontProxy(client: KubeClient): Promise<FrontProxy> {
  const name = "extension-apiserver-authentication";
  const config = await client.get<AuthenticationConfigMap>({
    resource: RESOURCES.configMaps,
    namespace: "kube-system",
    name,
  });
  const ca = config?.data?.["requestheader-client-ca-file"];
  if (config === undefined || ca === undefined)
    throw new Error(
      `kube-system/${name} has no requestheader-client-ca-file: the API server runs without front-proxy flags`,
    );
  const names = (key: string): readonly string[] => {
    const parsed: unknown = JSON.parse(config.data?.[key] ?? "[]");
    return Array.isArray(parsed) ? parsed.map(String) : [];
  };
  return {
    ca,
    allowedNames: names("requestheader-allowed-names"),
    usernameHeaders: names("requestheader-username-headers"),
    groupHeaders: names("requestheader-group-headers"),
    extraPrefixes: names("requestheader-extra-headers-prefix"),
  };
}

/**
 * The user in the headers of a request whose client certificate has been verified; undefined when none is named. Takes each header
 * line as a value of its own: a group whose name contains a comma must not count as two. Pure.
 */
export function proxiedUser(proxy: FrontProxy, headers: IncomingMessage["headersDistinct"]): ProxiedUser | undefined {
  const all = (name: string): readonly string[] => headers[name.toLowerCase()] ?? [];
  const user = proxy.usernameHeaders.flatMap(all)[0];
  if (user === undefined || user === "") return undefined;
  const extra: Record<string, readonly string[]> = {};
  for (const prefix of proxy.extraPrefixes.map((each) => each.toLowerCase())) {
    for (const name of Object.keys(headers))
      if (name.startsWith(prefix)) extra[unescaped(name.slice(prefix.length))] = all(name);
  }
  return { user, groups: proxy.groupHeaders.flatMap(all), extra };
}

/** Keys come percent-encoded; what is not well encoded stands for itself, as in Kubernetes. */
function unescaped(key: string): string {
  try {
    return decodeURIComponent(key);
  } catch {
    return key;
  }
}
