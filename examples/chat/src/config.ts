/** The chat server's environment, parsed once. */
export interface Config {
  readonly port: number;
  /** Signs the tokens: the file with the HMAC secret that the gateways verify with. Read for every token, so that it may change. */
  readonly secretFile: string;
  /** Where the page finds the gateways. */
  readonly gateway: GatewayAddress;
  /** Directory with page.js and public/. */
  readonly assets: string;
}

/** A URL for everybody, or a port on whatever host the page was loaded from: a NodePort is the same on every node. */
export type GatewayAddress = { readonly url: string } | { readonly port: number };

export type ParsedConfig =
  | { readonly ok: true; readonly config: Config }
  | { readonly ok: false; readonly problems: readonly string[] };

type Environment = Readonly<Record<string, string | undefined>>;

const DEFAULT_PORT = 3000;

/** Every problem at once, each as "key must be rule, was: value". */
export function parseConfig(environment: Environment, defaultAssets: string): ParsedConfig {
  const problems: string[] = [];
  const port = parsePort("PORT", environment["PORT"] ?? String(DEFAULT_PORT), problems);
  const secretFile = environment["TOKEN_SECRET_FILE"] ?? "";
  if (secretFile === "") problems.push("TOKEN_SECRET_FILE must be a path, was: nothing");
  const gateway = parseGateway(environment, problems);
  if (problems.length > 0 || gateway === undefined) return { ok: false, problems };
  return { ok: true, config: { port, secretFile, gateway, assets: environment["ASSETS"] ?? defaultAssets } };
}

function parsePort(key: string, value: string, problems: string[]): number {
  const port = Number(value);
  if (/^\d{1,5}$/.test(value) && port <= 65_535) return port;
  problems.push(`${key} must be a port number, was: ${value}`);
  return 0;
}

function parseGateway(
  { GATEWAY_URL: url, GATEWAY_PORT: port }: Environment,
  problems: string[],
): GatewayAddress | undefined {
  if ((url === undefined) === (port === undefined)) {
    problems.push(`one of GATEWAY_URL and GATEWAY_PORT must be set, were: ${url ?? "nothing"}, ${port ?? "nothing"}`);
    return undefined;
  }
  if (port !== undefined) return { port: parsePort("GATEWAY_PORT", port, problems) };
  if (url !== undefined && URL.canParse(url) && /^wss?:/.test(url)) return { url };
  problems.push(`GATEWAY_URL must be a ws:// or wss:// URL, was: ${url}`);
  return undefined;
}
