import { fuzz, fuzzFaults, mutant, SeededChance } from "@belay/testkit";
import protobuf from "protobufjs";
import { expect, test } from "vitest";
import { type Command, compileTagsFilter, type DecodedFrame, JSON_CODEC, PROTOBUF_CODEC } from "../src/index.ts";
import { MAX_COMMAND_ID, MAX_COMMANDS_PER_FRAME } from "../src/limits.ts";
import { CommandType, EmulationType, jsonOf, protobufOf, someCommand, someFilter } from "./message-generator.ts";

/** Set FUZZ_SEED to repeat a run; a failure names the seed of its one input. */
const seed = Number(process.env["FUZZ_SEED"] ?? 20_261_121);
const INPUTS = 1_000_000;
const TIMEOUT = { timeout: 240_000 };

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const hex = (input: Uint8Array): string => Buffer.from(input).toString("hex");
const text = (input: Uint8Array): string => JSON.stringify(Buffer.from(input).toString("latin1"));

function corpusOf<T>(make: (chance: SeededChance) => T): readonly T[] {
  const chance = new SeededChance(seed);
  return Array.from({ length: 3000 }, () => make(chance));
}

/** One to four commands. */
function someFrame(chance: SeededChance): readonly Record<string, unknown>[] {
  return Array.from({ length: 1 + (chance.below(3) === 0 ? chance.below(4) : 0) }, () => someCommand(chance));
}

const RULES: ReadonlySet<string> = new Set(["FRM2", "FRM3", "LIM3", "LIM4", "CMD1", "CMD2", "CMD3", "CMD4"]);

/** What every form promises of a decoded frame. */
function check(decoded: DecodedFrame): boolean {
  if (!decoded.ok) {
    if (!RULES.has(decoded.refusal.rule)) throw new Error(`unknown rule ${decoded.refusal.rule}`);
    return false;
  }
  const { length } = decoded.commands;
  if (length === 0 || length > MAX_COMMANDS_PER_FRAME) throw new Error(`${length} commands`);
  for (const command of decoded.commands) checkNumbers(command);
  return true;
}

function checkNumbers(command: Command): void {
  if (command.kind === "pong") return;
  const lowest = command.kind === "send" ? 0 : 1;
  if (!Number.isInteger(command.id) || command.id < lowest || command.id > MAX_COMMAND_ID) throw new Error("id");
  const { offset = 0 } = command.kind === "subscribe" ? command : {};
  if (!Number.isSafeInteger(offset) || offset < 0) throw new Error("offset");
}

function payloadsOf(command: Command): readonly (Uint8Array | undefined)[] {
  if (!("data" in command) && command.kind !== "connect") return [];
  const subs = command.kind === "connect" ? [...(command.subs?.values() ?? [])] : [];
  return [command.data, ...subs.map(({ data }) => data)];
}

const title = (what: string): string => `${INPUTS} ${what}: none throws, stalls or stays in memory (seed ${seed})`;

test(`[FRM2] [FRM5] ${title("hostile JSON frames")}`, TIMEOUT, async () => {
  const stock = {
    corpus: corpusOf((chance) => bytes(someFrame(chance).map(jsonOf).join("\n"))),
    pieces: ["\n", '"', "\\", "{", "}", "[", "]", ",", ":", "\\u0000", "null", "{}", '"id":1,', "1e999", "\ud800"].map(
      bytes,
    ),
  };
  const report = await fuzz({
    seed,
    inputs: INPUTS,
    make: (chance) => mutant(stock, chance),
    show: text,
    read: (input) => {
      const decoded = JSON_CODEC.decodeFrame(input);
      if (decoded.ok) for (const command of decoded.commands) checkJsonPayloads(command);
      return check(decoded);
    },
  });
  expect(fuzzFaults(report)).toEqual([]);
});

/** Payloads are spliced into other clients' lines as they are: they must be JSON without a newline. */
function checkJsonPayloads(command: Command): void {
  for (const payload of payloadsOf(command)) {
    if (payload === undefined || (command.kind === "send" && payload.length === 0)) continue;
    if (command.kind === "publish" && command.type !== undefined) continue;
    const json = Buffer.from(payload).toString("utf8");
    if (/[\r\n]/.test(json)) throw new Error("a newline in a payload");
    JSON.parse(json);
  }
}

test(`[FRM4] [FRM5] ${title("hostile Protobuf frames")}`, TIMEOUT, async () => {
  const stock = {
    corpus: corpusOf((chance) => Buffer.concat(someFrame(chance).map(protobufOf))),
    pieces: [
      [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
      [0x80, 0x80, 0x80, 0x80, 0x10],
      [0x32, 0x02, 0x32, 0x00],
      [0xc2, 0x3e, 0x01, 0x41],
      [0x0b],
      [0x0d],
      [0x09],
      [0x04, 0x08, 0x01, 0x5a, 0x00],
    ].map((piece) => Uint8Array.from(piece)),
  };
  const report = await fuzz({
    seed,
    inputs: INPUTS,
    make: (chance) => mutant(stock, chance),
    show: hex,
    read: (input, index) => {
      const decoded = PROTOBUF_CODEC.decodeFrame(input);
      if (decoded.ok && index % 10 === 0) checkAgainstLibrary(input, decoded.commands);
      return check(decoded);
    },
  });
  expect(fuzzFaults(report)).toEqual([]);
});

/** What the codec takes the library takes too, and both see the same commands. */
function checkAgainstLibrary(frame: Uint8Array, commands: readonly Command[]): void {
  const reader = protobuf.Reader.create(frame);
  for (const command of commands) {
    const seen = CommandType.toObject(CommandType.decodeDelimited(reader));
    const method = Object.keys(seen).find((name) => name !== "id") ?? "pong";
    if (method !== command.kind) throw new Error(`the library sees ${method}`);
    if ("id" in command && command.id !== (seen["id"] ?? 0)) throw new Error("the library sees another id");
  }
}

test(`[EMU3] [FRM5] ${title("hostile emulation requests, half of them JSON")}`, TIMEOUT, async () => {
  const requests = corpusOf((chance) => ({
    node: chance.pick(["", "n1", "é"]),
    session: chance.pick(["", "s".repeat(36)]),
    data: someFrame(chance),
  }));
  const json = requests.map((request) =>
    bytes(JSON.stringify({ ...request, data: request.data.map(jsonOf).join("\n") })),
  );
  const binary = requests.map((request) =>
    EmulationType.encode(
      EmulationType.create({ ...request, data: Buffer.concat(request.data.map(protobufOf)) }),
    ).finish(),
  );
  const pieces = ["\n", '"', "\\", "{", "}", "\u0000", "\u0080"].map(bytes);
  const report = await fuzz({
    seed,
    inputs: INPUTS,
    make: (chance) => {
      const isJson = chance.below(2) === 0;
      return { isJson, input: mutant({ corpus: isJson ? json : binary, pieces }, chance) };
    },
    show: ({ input }) => hex(input),
    read: ({ isJson, input }) => {
      const request = (isJson ? JSON_CODEC : PROTOBUF_CODEC).decodeEmulation(input);
      if (request === undefined) return false;
      if (typeof request.node !== "string" || typeof request.session !== "string") throw new Error("a name");
      return request.data.length >= 0;
    },
  });
  expect(fuzzFaults(report)).toEqual([]);
});

test(`[SUB12] [FRM5] ${title("hostile tags filters")}`, TIMEOUT, async () => {
  const tags = { a: "10", news: "", constructor: "x", é: "9".repeat(41), __proto__: "1" };
  const report = await fuzz({
    seed,
    inputs: INPUTS,
    make: someFilter,
    show: (filter) => JSON.stringify(filter),
    read: (filter) => {
      const compiled = compileTagsFilter(filter);
      if (!compiled.ok) {
        if (!compiled.problem.startsWith("tf")) throw new Error(compiled.problem);
        return false;
      }
      if (typeof compiled.accepts(tags) !== "boolean") throw new Error("no answer");
      return true;
    },
  });
  expect(fuzzFaults(report)).toEqual([]);
});
