/** Takes the field `belay` out of a client's frames: what a server that does not know it makes of them. */
const METHODS: ReadonlySet<string> = new Set(["connect", "publish"]);
/** Numbers of connect and publish in Command, and of `belay` in both. */
const METHOD_FIELDS: ReadonlySet<number> = new Set([4, 7]);
const BELAY_FIELD = 1000;

export function jsonWithoutExtensions(frame: string): string {
  return frame
    .split("\n")
    .map((line) => (line.trim() === "" ? line : JSON.stringify(commandWithout(JSON.parse(line) as object))))
    .join("\n");
}

function commandWithout(command: object): object {
  const methods = Object.entries(command).map(([name, body]) => {
    if (!METHODS.has(name)) return [name, body] as const;
    const { belay: _, ...rest } = body as { readonly belay?: unknown };
    return [name, rest] as const;
  });
  return Object.fromEntries(methods);
}

/** A frame of Protobuf: commands, each with its length before it. */
export function protobufWithoutExtensions(frame: Uint8Array): Uint8Array {
  const commands: Uint8Array[] = [];
  for (let at = 0; at < frame.length;) {
    const { value: length, end } = varintAt(frame, at);
    const command = protobufCommandWithout(frame.subarray(end, end + length));
    commands.push(varint(command.length), command);
    at = end + length;
  }
  return Buffer.concat(commands);
}

function protobufCommandWithout(command: Uint8Array): Uint8Array {
  const parts = fieldsOf(command).flatMap(({ number, whole, body }) => {
    if (!METHOD_FIELDS.has(number) || body === undefined) return [whole];
    const rest = Buffer.concat(fieldsOf(body).flatMap((field) => (field.number === BELAY_FIELD ? [] : [field.whole])));
    return [varint(number * 8 + 2), varint(rest.length), rest];
  });
  return Buffer.concat(parts);
}

interface Field {
  readonly number: number;
  readonly whole: Uint8Array;
  /** Of a field with a length. */
  readonly body?: Uint8Array;
}

/** Fields of numbers and of bytes: commands have no others. */
function fieldsOf(message: Uint8Array): readonly Field[] {
  const fields: Field[] = [];
  for (let at = 0; at < message.length;) {
    const tag = varintAt(message, at);
    const { value, end } = varintAt(message, tag.end);
    const hasLength = tag.value % 8 === 2;
    const next = hasLength ? end + value : end;
    const whole = message.subarray(at, next);
    fields.push({
      number: Math.floor(tag.value / 8),
      whole,
      ...(hasLength && { body: message.subarray(end, next) }),
    });
    at = next;
  }
  return fields;
}

function varintAt(bytes: Uint8Array, at: number): { readonly value: number; readonly end: number } {
  let value = 0;
  let end = at;
  for (let scale = 1; ; scale *= 128) {
    const byte = bytes[end] ?? 0;
    end += 1;
    value += (byte % 128) * scale;
    if (byte < 128) return { value, end };
  }
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return Uint8Array.from([...bytes, rest]);
}
