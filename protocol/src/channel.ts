import { MAX_CHANNEL_BYTES } from "./limits.ts";

/** Why a channel name is refused (LIM2), or undefined when it is fine. */
export function channelProblem(channel: string): string | undefined {
  if (channel === "") return "channel must not be empty";
  if (channel.length > MAX_CHANNEL_BYTES || utf8Length(channel) > MAX_CHANNEL_BYTES) {
    return `channel must have at most ${MAX_CHANNEL_BYTES} bytes`;
  }
  // A lone surrogate has no UTF-8 form: two different names would become one.
  if (!channel.isWellFormed() || hasControlCharacter(channel)) return "channel must be printable text";
  return undefined;
}

function utf8Length(text: string): number {
  let bytes = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code < 0x80) bytes += 1;
    else if (code < 0x800) bytes += 2;
    else if (code >= 0xd800 && code < 0xe000)
      // Half of a surrogate pair, whose two halves take four bytes.
      bytes += 2;
    else bytes += 3;
  }
  return bytes;
}

function hasControlCharacter(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code < 0x20 || code === 0x7f) return true;
  }
  return false;
}
