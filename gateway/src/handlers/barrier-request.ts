import { MAX_POSITIONS, type StreamPosition } from "@belay/protocol";
import { z } from "zod";

/** Method of the rpc with which a client that moves asks for the end of what this socket delivers. */
export const BARRIER_METHOD = "belay:barrier";

/** What its data has to be, in words. */
export const BARRIER_RULE: string = `data must be {"channels": {"…": {"epoch": "…", "offset": n}}} with at most ${MAX_POSITIONS} channels`;

const place: z.ZodType<StreamPosition> = z.object({
  epoch: z.string(),
  offset: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER),
});

/** The place up to which each channel is wanted; undefined for data that is no barrier. */
export function readBarrier(data: Uint8Array | undefined): ReadonlyMap<string, StreamPosition> | undefined {
  const { channels } = objectOf(parse(data)) ?? {};
  const entries = Object.entries(objectOf(channels) ?? { "": undefined });
  if (entries.length > MAX_POSITIONS) return undefined;
  const read = new Map<string, StreamPosition>();
  for (const [channel, value] of entries) {
    const position = place.safeParse(value).data;
    if (position === undefined) return undefined;
    read.set(channel, position);
  }
  return read;
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> | undefined {
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  return isObject ? { ...value } : undefined;
}

function parse(data: Uint8Array | undefined): unknown {
  try {
    return JSON.parse(Buffer.from(data ?? []).toString("utf8"));
  } catch {
    // Not JSON: refused like anything else that is no barrier.
    return undefined;
  }
}
