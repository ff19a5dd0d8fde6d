/** Which web pages may use this gateway (ORG1–ORG4). Pure: the headers in, the verdict out. */

type OriginRule =
  | { readonly kind: "any" }
  | { readonly kind: "same-host" }
  /** Scheme, host and port, as a browser writes them. */
  | { readonly kind: "exact"; readonly origin: string }
  /** `suffix` begins with a dot and ends with the port where there is one. */
  | { readonly kind: "subdomains"; readonly scheme: string; readonly suffix: string };

export type OriginVerdict =
  | { readonly isAllowed: false }
  /** `cors`: what a page of another host is told; absent where no page asked. */
  | { readonly isAllowed: true; readonly cors?: CorsGrant };

export interface CorsGrant {
  readonly origin: string;
  /** The page may send cookies along; never where every origin is allowed. */
  readonly withCredentials: boolean;
}

const SCHEME = /^([a-z][-+.a-z0-9]*):\/\/(.+)$/;
const HOST = /^(?:\[[:.0-9a-f]+\]|[-.0-9_a-z]+)(?::\d{1,5})?$/;
const SPECIAL_PORTS: Readonly<Record<string, string>> = { http: ":80", https: ":443" };

/** `*`, `same-host`, `scheme://host[:port]` or `scheme://*.domain[:port]`; undefined for anything else. */
function parseRule(text: string): OriginRule | undefined {
  if (text === "*") return { kind: "any" };
  if (text === "same-host") return { kind: "same-host" };
  const [, scheme, host] = SCHEME.exec(text.toLowerCase()) ?? [];
  if (scheme === undefined || host === undefined) return undefined;
  if (!host.startsWith("*.")) return HOST.test(host) ? { kind: "exact", origin: origin(scheme, host) } : undefined;
  const domain = host.slice(2);
  return HOST.test(domain) && !domain.startsWith("[")
    ? { kind: "subdomains", scheme, suffix: `.${withoutDefaultPort(scheme, domain)}` }
    : undefined;
}

export function isOriginRule(text: string): boolean {
  return parseRule(text) !== undefined;
}

function origin(scheme: string, host: string): string {
  return `${scheme}://${withoutDefaultPort(scheme, host)}`;
}

function withoutDefaultPort(scheme: string, host: string): string {
  const port = SPECIAL_PORTS[scheme];
  return port !== undefined && host.endsWith(port) ? host.slice(0, -port.length) : host;
}

/** The allowed origins of one configuration. */
export class OriginPolicy {
  readonly #rules: readonly OriginRule[];

  /** Entries that are no rule are left out; the configuration has refused them before. */
  constructor(entries: readonly string[]) {
    this.#rules = entries.flatMap((entry) => parseRule(entry) ?? []);
  }

  /** @param given the `Origin` header. @param host the `Host` header. */
  judge(given: string | undefined, host: string | undefined): OriginVerdict {
    // No page is behind a request without one: browsers send it with every request this gateway serves.
    if (given === undefined) return { isAllowed: true };
    const rule = this.#rules.find((each) => fits(each, given.toLowerCase(), host?.toLowerCase()));
    if (rule === undefined) return { isAllowed: false };
    return { isAllowed: true, cors: { origin: given, withCredentials: rule.kind !== "any" } };
  }
}

function fits(rule: OriginRule, given: string, host: string | undefined): boolean {
  switch (rule.kind) {
    case "any":
      return true;
    case "exact":
      return given === rule.origin;
    case "same-host":
      return isSameHost(given, host);
    case "subdomains":
      return isSubdomain(given, rule.scheme, rule.suffix);
  }
}

/** Names and not ports, as with cookies; nor schemes, because behind a proxy that ends TLS only the browser knows it. */
function isSameHost(given: string, host: string | undefined): boolean {
  const [, , givenHost] = SCHEME.exec(given) ?? [];
  return givenHost !== undefined && host !== undefined && withoutPort(givenHost) === withoutPort(host);
}

function withoutPort(host: string): string {
  return host.replace(/:\d{1,5}$/, "");
}

function isSubdomain(given: string, scheme: string, suffix: string): boolean {
  const start = `${scheme}://`;
  if (!given.startsWith(start) || !given.endsWith(suffix)) return false;
  return /^[-0-9_a-z]+(?:\.[-0-9_a-z]+)*$/.test(given.slice(start.length, given.length - suffix.length));
}
