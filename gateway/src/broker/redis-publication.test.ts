import { fc } from "@fast-check/vitest";
import { expect, test } from "vitest";
import { encodeBody, encodeEphemeral, parseEphemeral, parsePublication } from "./redis-publication.ts";

/** The header as the script writes it. */
const header = (offset: number, flags: number, lengths: string): string =>
  `${offset}:e1.x-_:1700000000123:${flags}:${lengths}:`;

test("[BR3] whatever is published is read again byte for byte", () => {
  const bytes = fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array));
  const content = fc.record(
    {
      data: bytes,
      info: bytes.filter(({ length }) => length > 0),
      tags: fc.dictionary(
        fc.string({ unit: "binary", maxLength: 6 }).filter((name) => name !== "__proto__"),
        fc.string({ unit: "binary", maxLength: 6 }),
        { noNullPrototype: true },
      ),
      useDelta: fc.constant(true as const),
      history: fc.constant({ size: 1, ttlMs: 1 }),
    },
    { requiredKeys: ["data"] },
  );
  fc.assert(
    fc.property(content, fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), ({ history, ...published }, offset) => {
      const { flags, lengths, sections } = encodeBody({
        channel: "c",
        ...published,
        ...(history !== undefined && { history }),
      });
      const wire = Buffer.concat([Buffer.from(header(offset, flags, lengths)), sections]);
      expect(parsePublication("c", wire)).toEqual({
        channel: "c",
        offset,
        position: { offset, epoch: "e1.x-_" },
        timeMs: 1_700_000_000_123,
        ...published,
        ...(history === undefined && { isUnstored: true }),
      });
    }),
    { seed: 3, numRuns: 1_000 },
  );
});

test("[BR13] damaged bytes are refused or read within their own bounds, and never throw", () => {
  const good = Buffer.from(`${header(7, 3, "7,2")}{"a":""}infodata`);
  const damage = fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(damage, fc.nat(good.length), (changes, length) => {
      const bytes = Buffer.from(good);
      for (const [at, value] of changes) bytes[at] = value;
      const cut = bytes.subarray(0, length);
      const parsed = parsePublication("c", cut);
      if (parsed === undefined) return;
      expect(Number.isSafeInteger(parsed.offset) && parsed.offset > 0).toBe(true);
      expect(parsed.data.length + (parsed.info?.length ?? 0)).toBeLessThanOrEqual(cut.length);
    }),
    { seed: 13, numRuns: 20_000 },
  );
});

test("[EPH3] an ephemeral publication carries key, tags and info through Redis, and hostile bytes are none", () => {
  const given = {
    channel: "c",
    key: "grüße:1,2",
    data: Buffer.from('{"x":1}'),
    info: Buffer.from('{"user":"ann"}'),
    tags: { kind: "cursor" },
  };
  const { ephemeralKey, position, data, info, tags } = parseEphemeral("c", encodeEphemeral(given)) ?? {};
  expect({ ephemeralKey, position }).toEqual({ ephemeralKey: given.key, position: { offset: 0, epoch: "" } });
  expect({ data, info, tags }).toEqual({ data: given.data, info: given.info, tags: given.tags });
  const plain = parseEphemeral("c", encodeEphemeral({ channel: "c", key: "", data: Buffer.alloc(0) }));
  expect(plain).toMatchObject({ ephemeralKey: "", offset: 0 });
  for (const bytes of ["~", "~1,2:", "~9,9,9:x", "~0,0,99999999999:x", "~3,0,0:{x}", "+x", "1:e:2:0:0,0:x"]) {
    expect(parseEphemeral("c", Buffer.from(bytes))).toBeUndefined();
  }
});
