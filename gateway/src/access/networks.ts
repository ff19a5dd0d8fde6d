import { BlockList, isIP } from "node:net";

type Family = "ipv4" | "ipv6";

interface Network {
  readonly address: string;
  readonly prefix: number;
  readonly family: Family;
}

const IPV4 = { family: "ipv4", most: 32 } as const;
const IPV6 = { family: "ipv6", most: 128 } as const;

function prefixOf(text: string): number {
  return /^\d{1,3}$/.test(text) ? Number(text) : Number.POSITIVE_INFINITY;
}

/** `10.0.0.0/8`, `fd00::/8` or a single address; undefined for anything else. */
export function parseNetwork(text: string): Network | undefined {
  const [address = "", prefixText, ...rest] = text.split("/");
  const version = isIP(address);
  if (version === 0 || rest.length > 0 || address.includes("%")) return undefined;
  const { family, most } = version === 4 ? IPV4 : IPV6;
  const prefix = prefixText === undefined ? most : prefixOf(prefixText);
  return prefix <= most ? { address, prefix, family } : undefined;
}

/** An IP address as it is compared and shown: IPv4 inside IPv6 as IPv4, no zone; undefined for what is no address. */
export function plainAddress(text: string): string | undefined {
  const bare = text.replace(/%.*$/, "");
  const address = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(bare)?.[1] ?? bare;
  return isIP(address) === 0 ? undefined : address;
}

/** A set of networks. */
export class Networks {
  readonly isEmpty: boolean;
  readonly #list = new BlockList();

  /** What is no network is left out; the configuration has refused it before. */
  constructor(texts: readonly string[]) {
    const networks = texts.flatMap((text) => parseNetwork(text) ?? []);
    this.isEmpty = networks.length === 0;
    for (const { address, prefix, family } of networks) this.#list.addSubnet(address, prefix, family);
  }

  has(address: string | undefined): boolean {
    if (this.isEmpty || address === undefined) return false;
    const plain = plainAddress(address);
    return plain !== undefined && this.#list.check(plain, isIP(plain) === 4 ? "ipv4" : "ipv6");
  }
}

/** What counts as one address where strangers are counted: of IPv6 the /64, because a single subscriber has all of one. */
export function siteOf(address: string): string {
  if (isIP(address) !== 6) return address;
  const [head = "", tail] = address.split("::");
  const [first, last] = [groupsOf(head), groupsOf(tail ?? "")];
  // A dotted IPv4 address at the end stands for two groups.
  const lastCount = last.length + (address.includes(".") ? 1 : 0);
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - first.length - lastCount);
  const groups = [...first, ...Array.from({ length: zeros }, () => "0"), ...last];
  return groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(":");
}

function groupsOf(text: string): readonly string[] {
  return text === "" ? [] : text.split(":");
}
