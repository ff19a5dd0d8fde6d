/** Redis Cluster's slot of a key: CRC16 (XMODEM) of the hash tag, modulo 16,384 (Redis Cluster specification, "Hash tags"). */

export const SLOT_COUNT = 16_384;

const POLYNOMIAL = 0x1021;

function crc16(bytes: Buffer): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit += 1) {
      crc = (crc & 0x8000) === 0 ? (crc << 1) & 0xffff : ((crc << 1) ^ POLYNOMIAL) & 0xffff;
    }
  }
  return crc;
}

/** The part of a key that decides its slot: what stands between the first `{` and the next `}`, if anything does. */
function hashTag(key: string): string {
  const open = key.indexOf("{");
  if (open === -1) return key;
  const close = key.indexOf("}", open + 1);
  return close > open + 1 ? key.slice(open + 1, close) : key;
}

export function keySlot(key: string): number {
  return crc16(Buffer.from(hashTag(key))) % SLOT_COUNT;
}
