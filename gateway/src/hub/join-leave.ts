import type { Codec } from "@belay/protocol";
import type { PresenceEvent } from "../broker/broker.ts";
import { decodeClientInfo } from "./client-info.ts";
import type { Member } from "./member.ts";

/** Tells members who came or went; encoded once for each codec. */
export function tellJoinLeave(members: readonly Member[], { channel, kind, info: json }: PresenceEvent): void {
  const info = decodeClientInfo(json);
  if (info === undefined) return;
  const lines = new Map<Codec, Buffer>();
  for (const { options } of members) {
    const known = lines.get(options.codec);
    const line = known ?? Buffer.from(options.codec.encodePush({ kind, channel, info }));
    lines.set(options.codec, line);
    options.sink.push(line);
  }
}
