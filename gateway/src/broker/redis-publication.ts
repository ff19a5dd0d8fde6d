import type { BrokerPublication } from "./broker.ts";

/**
 * A publication on its way through Redis: `offset:epoch:infoLength:` in ASCII, then the info bytes, then the data bytes as they are.
 * The publish script writes the header (redis-publish-script.ts), so that the position is the one under which it was counted.
 */
const COLON = 0x3a;
/** Longest header: 15 digits, an epoch, 10 digits. Anything longer is not ours. */
const MAX_HEADER_BYTES = 96;

/** Undefined when the bytes are not a publication. */
export function parsePublication(channel: string, bytes: Buffer): BrokerPublication | undefined {
  const offsetEnd = colonAfter(bytes, 0);
  const epochEnd = colonAfter(bytes, offsetEnd + 1);
  const lengthEnd = colonAfter(bytes, epochEnd + 1);
  if (offsetEnd <= 0 || epochEnd <= offsetEnd + 1 || lengthEnd <= epochEnd + 1) return undefined;
  const offset = Number(bytes.toString("latin1", 0, offsetEnd));
  const infoLength = Number(bytes.toString("latin1", epochEnd + 1, lengthEnd));
  const dataStart = lengthEnd + 1 + infoLength;
  if (
    !Number.isSafeInteger(offset) ||
    offset < 1 ||
    !Number.isSafeInteger(infoLength) ||
    infoLength < 0 ||
    dataStart > bytes.length
  )
    return undefined;
  return {
    channel,
    data: bytes.subarray(dataStart),
    position: { offset, epoch: bytes.toString("latin1", offsetEnd + 1, epochEnd) },
    ...(infoLength === 0 ? {} : { info: bytes.subarray(lengthEnd + 1, dataStart) }),
  };
}

function colonAfter(bytes: Buffer, start: number): number {
  const at = bytes.indexOf(COLON, start);
  return at > MAX_HEADER_BYTES ? -1 : at;
}
