import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { JSON_CODEC } from "@belay/protocol";
import {
  callApi,
  eventually,
  exchange,
  fuzz,
  fuzzFaults,
  mutant,
  type RunningGateway,
  SeededChance,
  startGateway,
} from "@belay/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { payloadOf, problemsOf } from "../src/api/api-method.ts";
import { withoutNulls } from "../src/api/fields.ts";
import { API_METHODS } from "../src/api/methods.ts";
import { parseBody } from "../src/http/api-server.ts";
import { readStreamForm, STREAM_PATHS, uniConnectFrame } from "../src/transport/stream-request.ts";

/** Set FUZZ_SEED to repeat a run; a failure names the seed of its one input. */
const seed = Number(process.env["FUZZ_SEED"] ?? 20_261_121);
const INPUTS = 1_000_000;
const REQUESTS = 100_000;
const STREAMS = 2000;
const SOCKETS = 8;
const PIPELINED = 50;
const TIMEOUT = { timeout: 240_000 };

const channel = "fuzz:room";
const BODIES: Readonly<Record<string, readonly object[]>> = {
  publish: [
    { channel, data: { a: [1, "é😀"] } },
    { channel, data: 1, tags: { k: "v" }, delta: true, idempotency_key: "k", version: 1, version_epoch: "e" },
    { channel, b64data: "eyJhIjoxfQ==", skip_history: true },
  ],
  broadcast: [{ channels: [channel, "other"], data: null, b64data: "MQ==" }],
  subscribe: [
    { user: "u", channel, client: "c", session: "s", info: { a: 1 }, recover_since: { offset: 1, epoch: "e" } },
  ],
  unsubscribe: [{ user: "u", channel }],
  disconnect: [{ user: "u", client: "c", whitelist: ["x"], disconnect: { code: 4000, reason: "r" } }],
  refresh: [{ user: "u", expired: true, expire_at: 2_000_000_000 }],
  presence: [{ channel }],
  presence_stats: [{ channel }],
  history: [{ channel, limit: -1, since: { offset: 1, epoch: "e" }, reverse: true }],
  history_remove: [{ channel }],
  channels: [{ pattern: "fuzz:*" }],
  info: [{}],
  revoke: [{ user: "u", token: "t", issued_before: 1, until: 2 }],
  block: [{ user: "u", until: 2 }],
  unblock: [{ user: "u" }],
};

const bytes = (text: string): Uint8Array => Buffer.from(text);
const bodies = Object.entries(BODIES).flatMap(([name, each]) =>
  each.map((body) => ({ path: `/api/${name}`, body: JSON.stringify(body) })),
);
const commands = bodies.map(({ path, body }) => `{"${path.slice(5)}":${body}}`);
const requests: readonly { readonly path: string; readonly body: string }[] = [
  ...bodies,
  { path: "/api/batch", body: `{"commands":[${commands.join(",")}],"parallel":true}` },
  { path: "/api", body: `{"method":"publish","params":${JSON.stringify(BODIES["publish"]?.[0])}}` },
  // A name that a node could have would be waited for (EMU3).
  { path: "/emulation", body: JSON.stringify({ node: "no node", session: "s", data: '{"id":1,"ping":{}}' }) },
];
const pieces = ['"', "\\", "{", "}", "[", "]", ",", ":", "null", "\n", "\u0000", "1e999", "-1", '"channel":', "é"].map(
  bytes,
);
const stock = { corpus: requests.map(({ body }) => bytes(body)), pieces };

let gateway: RunningGateway;
beforeAll(async () => {
  const namespaces = [{ name: "fuzz", history: { size: 10, ttlSeconds: 60 }, presence: true }];
  gateway = await startGateway({ config: { channels: { unprefixed: {}, namespaces } } });
});
afterAll(() => gateway[Symbol.asyncDispose]());

test(
  `[API3] ${INPUTS} hostile bodies of the server API: each is understood or refused in words (seed ${seed})`,
  TIMEOUT,
  async () => {
    const names = [...API_METHODS.keys()];
    const report = await fuzz({
      seed,
      inputs: INPUTS,
      make: (chance) => ({ name: chance.pick(names), text: Buffer.from(mutant(stock, chance)).toString("utf8") }),
      show: ({ name, text }) => `${name} ${JSON.stringify(text)}`,
      read: ({ name, text }) => isUnderstood(name, text),
    });
    expect(fuzzFaults(report)).toEqual([]);
  },
);

function isUnderstood(name: string, text: string): boolean {
  const parsed = parseBody({ ok: true, text });
  if (!parsed.ok) return false;
  const request = API_METHODS.get(name)?.request.safeParse(withoutNulls(parsed.fields), { reportInput: true });
  if (request?.success === false && problemsOf(request.error) === "") throw new Error("no words");
  if (request?.success !== true) return false;
  if (parsed.fields["b64data"] === undefined) checkPayload(payloadOf(text, "data"));
  return true;
}

/** What is passed on must be JSON on one line. */
function checkPayload(data: Buffer | undefined): void {
  if (data === undefined) return;
  const json = data.toString("utf8");
  if (/[\r\n]/.test(json)) throw new Error("a newline in a payload");
  JSON.parse(json);
}

test(
  `[STR5] [UNI1] ${INPUTS} hostile queries of streams: each is a form and a frame, or refused (seed ${seed})`,
  TIMEOUT,
  async () => {
    const connects = ["", "{}", '{"token":"a.b.c","subs":{"a":{"recover":true}}}', '{"data":{"a":"é"},\n"name":"js"}'];
    const queries = {
      corpus: connects.map((request) =>
        bytes(`cf_connect=${encodeURIComponent(request)}&cf_protocol=json&format=json`),
      ),
      pieces: [...pieces, ...["%", "&", "=", "+", "%zz", "%ff", "%0a", "?", "cf_connect=", "protobuf"].map(bytes)],
    };
    const transports = [...STREAM_PATHS];
    const report = await fuzz({
      seed,
      inputs: INPUTS,
      make: (chance) => ({
        of: chance.pick(transports),
        query: Buffer.from(mutant(queries, chance)).toString("latin1"),
      }),
      show: ({ query }) => JSON.stringify(query),
      read: ({ of: [path, transport], query }) => {
        const form = readStreamForm(transport, { url: `${path}?${query}`, contentType: undefined });
        const frame = form === undefined ? undefined : uniConnectFrame(form.connect);
        if (frame === undefined) return false;
        const decoded = JSON_CODEC.decodeFrame(frame);
        if (decoded.ok && (decoded.commands.length !== 1 || decoded.commands[0]?.kind !== "connect")) {
          throw new Error("more than a connect command");
        }
        return decoded.ok;
      },
    });
    expect(fuzzFaults(report)).toEqual([]);
  },
);

/** Statuses of requests that are well-formed HTTP, whatever their bodies are. */
const STATUSES: ReadonlySet<string> = new Set(["200", "400", "404"]);

test(
  `[API3] [EMU3] [API6] ${REQUESTS} hostile requests over kept connections: each has its answer (seed ${seed})`,
  TIMEOUT,
  async () => {
    let next = 0;
    const seen = new Map<string, number>();
    const talk = async (): Promise<void> => {
      const socket = connect(Number(new URL(gateway.httpUrl).port), "127.0.0.1");
      await once(socket, "connect");
      const answers = new Answers(socket);
      while (next < REQUESTS) {
        const first = seed + next;
        next += PIPELINED;
        socket.write(
          Buffer.concat(Array.from({ length: PIPELINED }, (_, n) => someRequest(new SeededChance(first + n)))),
        );
        for (const status of await answers.take(PIPELINED, `seeds from ${first}`))
          seen.set(status, (seen.get(status) ?? 0) + 1);
      }
      socket.destroy();
    };
    await Promise.all(Array.from({ length: SOCKETS }, talk));
    process.stdout.write(`${next} requests: ${JSON.stringify(Object.fromEntries(seen))}\n`);
    expect([...seen.keys()].filter((status) => !STATUSES.has(status))).toEqual([]);
    expect(await callApi(gateway, "publish", { channel, data: 1 })).toHaveProperty("result");
  },
);

function someRequest(chance: SeededChance): Buffer {
  const { path, body } = chance.pick(requests);
  const input = mutant({ corpus: [bytes(body)], pieces }, chance);
  const type = path === "/emulation" && chance.below(2) === 0 ? "Content-Type: application/octet-stream\r\n" : "";
  const head = `POST ${path} HTTP/1.1\r\nHost: x\r\nX-API-Key: ${gateway.apiKey}\r\n${type}Content-Length: ${input.length}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), input]);
}

/** Reads the answers of one connection. */
class Answers {
  #received = Buffer.alloc(0);
  #isClosed = false;
  #wake: () => void = () => undefined;

  constructor(socket: Socket) {
    socket.on("error", () => undefined);
    socket.on("data", (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#wake();
    });
    socket.on("close", () => {
      this.#isClosed = true;
      this.#wake();
    });
  }

  async take(count: number, what: string): Promise<readonly string[]> {
    const statuses: string[] = [];
    while (statuses.length < count) {
      const status = this.#next();
      if (status !== undefined) statuses.push(status);
      else if (this.#isClosed) throw new Error(`closed after ${statuses.length} answers: ${what}`);
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    return statuses;
  }

  #next(): string | undefined {
    const end = this.#received.indexOf("\r\n\r\n");
    if (end === -1) return undefined;
    const head = this.#received.toString("latin1", 0, end);
    const length = Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? 0);
    if (this.#received.length < end + 4 + length) return undefined;
    this.#received = this.#received.subarray(end + 4 + length);
    return head.slice(9, 12);
  }
}

test(`[STR4] [STR5] ${STREAMS} hostile streams end, and nothing of them is left (seed ${seed})`, TIMEOUT, async () => {
  const port = Number(new URL(gateway.httpUrl).port);
  const frames = ['{"id":1,"subscribe":{"channel":"a"}}', "{}", '{"id":1,"publish":{"channel":"a","data":{}}}\n{}'].map(
    bytes,
  );
  for (let n = 0; n < STREAMS; n += SOCKETS) {
    await Promise.all(
      Array.from({ length: SOCKETS }, async (_, socket) => {
        const input = mutant({ corpus: frames, pieces }, new SeededChance(seed + n + socket));
        const query = encodeURIComponent(Buffer.from(input).toString("latin1"));
        const answer = await exchange(
          port,
          `GET /connection/sse?cf_connect=${query} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
        );
        expect(`${seed + n + socket} ${answer.toString("latin1", 9, 12)}`).toMatch(/ (?:200|400)$/);
      }),
    );
  }
  await eventually("no connection left", 5000, async () => {
    const metrics = await (await fetch(`${gateway.httpUrl}/metrics`)).text();
    return /^belay_gateway_connections 0$/m.test(metrics);
  });
});
