/** What the capabilities of a connection token open. */
import type { Capability } from "../session/session.ts";
import type { ChannelOperation } from "./namespace.ts";
import { globPattern, linearPattern, type LinearPattern } from "./linear-pattern.ts";

const WORDS: Readonly<Record<ChannelOperation, Capability["allow"][number]>> = {
  subscribe: "sub",
  publish: "pub",
  history: "hst",
  presence: "prs",
};

/** Whether one of them names the channel and the operation. */
export function isCapable(
  capabilities: readonly Capability[] | undefined,
  channel: string,
  operation: ChannelOperation,
): boolean {
  return capabilities?.some((each) => each.allow.includes(WORDS[operation]) && names(each, channel)) ?? false;
}

/** Tokens live long and are asked often: each capability is compiled once. */
const compiled = new WeakMap<Capability, readonly LinearPattern[]>();

function names(capability: Capability, channel: string): boolean {
  if (capability.match === "exact") return capability.channels.includes(channel);
  const patterns = compiled.get(capability) ?? compile(capability);
  compiled.set(capability, patterns);
  return patterns.some((pattern) => pattern.fits(channel));
}

/** What is no expression, or too large a one, opens nothing. */
function compile({ channels, match }: Capability): readonly LinearPattern[] {
  const toPattern = match === "regex" ? linearPattern : globPattern;
  return channels.map((each) => toPattern(each)).filter((each) => each !== undefined);
}
