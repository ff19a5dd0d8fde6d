/** The configuration together with what the files it names hold. Replaced as a whole, so that a reader never sees half of a change. */
import { readFile } from "node:fs/promises";
import { type ConfigRefusal, type ConfigReport, TRAFFIC_LABEL } from "@belay/protocol/control";
import { trustProblem } from "./auth/trusted-certificates.ts";
import { parseKeys, type VerificationKey } from "./auth/verification-key.ts";
import type { ApiKey } from "./api/api-key.ts";
import type { ChannelTable } from "./channels/namespace.ts";
import type { Config } from "./config.ts";
import { type CompiledConfig, ConfigCompiler } from "./config-compiler.ts";
import { type Certificate, certificateProblem } from "./config/certificate.ts";
import { loginFingerprint } from "./config/login-fingerprint.ts";
import { readTopology } from "./config/read-topology.ts";
import type { RedisTopology } from "./redis/redis-topology.ts";

export interface Settings {
  readonly config: Config;
  /** Of the text that `config` was read from; empty where there was none. */
  readonly configHash: string;
  readonly channels: ChannelTable;
  /** Keys of the server API with what each opens; any of them is valid. */
  readonly apiKeys: readonly ApiKey[];
  readonly controlToken?: string;
  readonly hmacSecret?: Uint8Array;
  /** Keys of `auth.keys`. */
  readonly tokenKeys?: readonly VerificationKey[];
  /** PEM certificates of `auth.caFile`. */
  readonly tokenCa?: string;
  /** Of `hooks.secretFile`: every request is signed with each of them. */
  readonly hookSecrets?: readonly string[];
  /** PEM certificates of `hooks.caFile`. */
  readonly hookCa?: string;
  /** Where Redis is and how to log in; absent with the memory broker. */
  readonly redis?: RedisTopology;
  /** Of the client port. */
  readonly certificate?: Certificate;
  /** The pod's traffic label is `off`: the drain gate is closed. */
  readonly isTrafficOff: boolean;
}

/** Settings that may change while the gateway runs. */
export interface SettingsSource {
  readonly current: Settings;
  /** The newest configuration, while it is not the one that runs because it was refused. */
  readonly refusal?: ConfigRefusal | undefined;
  /** Called after `current` was replaced. */
  onChange(listener: (settings: Settings) => void): void;
  /** Called when a change was refused and the old settings stay. */
  onRefused(listener: (problems: readonly string[]) => void): void;
}

/** For the operator. */
export function configReport({ current, refusal }: Pick<SettingsSource, "current" | "refusal">): ConfigReport {
  const redisVersion = redisVersionOf(current);
  return {
    hash: current.configHash,
    ...(redisVersion !== undefined && { redisVersion }),
    ...(refusal !== undefined && { refused: refusal }),
  };
}

function redisVersionOf({ redis, controlToken }: Settings): string | undefined {
  if (redis?.mode === "standalone") return redis.address.version;
  if (redis?.mode !== "sentinel" || controlToken === undefined) return undefined;
  return loginFingerprint(controlToken, redis.login, redis.sentinelLogin);
}

export type LoadedSettings =
  | { readonly ok: true; readonly settings: Settings; readonly files: readonly string[] }
  | {
      readonly ok: false;
      readonly problems: readonly string[];
      /** Empty where the file could not be read. */ readonly configHash: string;
    };

/** Reads the configuration file and every file it names. Never rejects. */
export async function loadSettings(
  path: string,
  compiler: ConfigCompiler = new ConfigCompiler(),
): Promise<LoadedSettings> {
  const text = await readText(path);
  if (text === undefined) {
    return { ok: false, configHash: "", problems: [`--config must be a readable file, was: ${path}`] };
  }
  const compiled = await compiler.compile(text);
  if (!compiled.ok) return { ok: false, configHash: compiled.hash, problems: compiled.problems };
  return readNamedFiles(path, compiled);
}

async function readNamedFiles(
  path: string,
  { config, channels, hash: configHash }: Extract<CompiledConfig, { ok: true }>,
): Promise<LoadedSettings> {
  const files = new NamedFiles();
  const [apiKeys, controlToken, hmac, redis, labels, tokenKeys, tokenCa, hookSecrets, hookCa, certificate] =
    await Promise.all([
      readApiKeys(config.api, files),
      files.secret("control.tokenFile", config.control.tokenFile),
      files.secret("auth.hmacSecretFile", config.auth.hmacSecretFile),
      readTopology(files, config.broker),
      files.text("podLabelsFile", config.podLabelsFile),
      readTokenKeys(files, config.auth),
      files.certificates("auth.caFile", config.auth.caFile),
      readHookSecrets(files, config.hooks),
      files.certificates("hooks.caFile", config.hooks.caFile),
      files.certificate(config.tls),
    ]);
  if (files.problems.length > 0) return { ok: false, configHash, problems: files.problems };
  const settings: Settings = {
    config,
    configHash,
    channels,
    apiKeys,
    ...present({ controlToken, redis, certificate, tokenCa, hookSecrets, hookCa }),
    ...(hmac !== undefined && { hmacSecret: new TextEncoder().encode(hmac) }),
    tokenKeys,
    isTrafficOff: isTrafficOff(labels ?? ""),
  };
  return { ok: true, settings, files: [path, ...files.paths] };
}

/** Only what is there. */
function present<T extends object>(values: T): { readonly [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> };
}

async function readApiKeys({ keyFile, keys }: Config["api"], files: NamedFiles): Promise<readonly ApiKey[]> {
  const main = await files.secret("api.keyFile", keyFile);
  const others = await Promise.all(
    keys.map(async ({ keyFile: path, ...scope }, index) => {
      const key = await files.secret(`api.keys.${index}.keyFile`, path);
      return key === undefined ? [] : [{ ...scope, key }];
    }),
  );
  return [...(main === undefined ? [] : [{ name: "main", key: main }]), ...others.flat()];
}

async function readTokenKeys(files: NamedFiles, { keys = [] }: Config["auth"]): Promise<readonly VerificationKey[]> {
  const read = keys.map(async ({ file, type, ...pins }, at) => {
    const text = await files.text(`auth.keys.${at}.file`, file);
    if (text === undefined) return [];
    const parsed = parseKeys(type, text, pins);
    if (parsed.ok) return parsed.keys;
    // The path, never what the file holds.
    files.problems.push(`auth.keys.${at}.file ${parsed.problem}, was: ${file}`);
    return [];
  });
  return (await Promise.all(read)).flat();
}

/** Shortest secret that signs hooks, characters: 128 random bits take 22 in base64. */
const MIN_SECRET_LENGTH = 16;

/** One secret a line, two while they are changed. */
async function readHookSecrets(
  files: NamedFiles,
  { secretFile }: Config["hooks"],
): Promise<readonly string[] | undefined> {
  const text = await files.text("hooks.secretFile", secretFile);
  if (text === undefined) return undefined;
  const secrets = text.split("\n").flatMap((line) => (line.trim() === "" ? [] : [line.trim()]));
  const isGood = [1, 2].includes(secrets.length) && secrets.every(({ length }) => length >= MIN_SECRET_LENGTH);
  const rule = `must hold one or two lines, each a secret of at least ${MIN_SECRET_LENGTH} characters`;
  if (!isGood) files.problems.push(`hooks.secretFile ${rule}, was: ${String(secretFile)}`);
  return secrets;
}

/** Reads the files a configuration names and collects what is wrong with them. */
class NamedFiles {
  readonly problems: string[] = [];
  readonly paths: string[] = [];

  async text(key: string, path: string | undefined): Promise<string | undefined> {
    if (path === undefined) return undefined;
    this.paths.push(path);
    const text = await readText(path);
    if (text === undefined) this.problems.push(`${key} must be a readable file, was: ${path}`);
    return text;
  }

  /** Both or nothing; replaced one after the other they may not fit for a moment, and the next reading finds that they do. */
  async certificate({ certFile, keyFile }: Config["tls"]): Promise<Certificate | undefined> {
    const cert = await this.text("tls.certFile", certFile);
    const key = await this.text("tls.keyFile", keyFile);
    if (cert === undefined || key === undefined) return undefined;
    const problem = certificateProblem({ cert, key });
    if (problem === undefined) return { cert, key };
    this.problems.push(
      `tls.${problem.file} ${problem.problem}, was: ${String(problem.file === "certFile" ? certFile : keyFile)}`,
    );
    return undefined;
  }

  /** Certificates to trust. */
  async certificates(key: string, path: string | undefined): Promise<string | undefined> {
    const text = await this.text(key, path);
    const problem = text === undefined ? undefined : trustProblem(text);
    if (problem !== undefined) this.problems.push(`${key} ${problem}, was: ${String(path)}`);
    return text;
  }

  /** Without the newline that editors and `echo` leave at the end. */
  async secret(key: string, path: string | undefined): Promise<string | undefined> {
    const value = (await this.text(key, path))?.trim();
    if (value === "") this.problems.push(`${key} must be a file that is not empty, was: ${String(path)}`);
    return value;
  }
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch {
    // Absent or unreadable: the caller names the file and the rule.
    return undefined;
  }
}

/** The downward API writes one `key="value"` a line, the value quoted as in Go. */
function isTrafficOff(labels: string): boolean {
  return labels.split("\n").some((line) => line.trim() === `${TRAFFIC_LABEL}="off"`);
}
