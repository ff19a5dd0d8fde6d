import { expect, test } from "vitest";
import { clientBehind } from "../src/access/forwarded.ts";
import { Networks, plainAddress } from "../src/access/networks.ts";
import { OriginPolicy } from "../src/access/origin-policy.ts";
import { parseProxyHeader } from "../src/access/proxy-header.ts";
import { isEmulationAddress } from "../src/node/emulation.ts";
import { readForm, splitUrl } from "../src/transport/handshake.ts";
import { readStreamForm, uniConnectFrame } from "../src/transport/stream-request.ts";
import { canAgreeOnDeflate } from "../src/transport/websocket-deflate.ts";

const INPUTS = 150_000;
const SEED = 20_261_121;

/** Pieces of what these parsers look for, put together wrongly. */
const PIECES = [
  "https://",
  "app.example",
  "*.",
  "null",
  ":443",
  ":99999",
  "@",
  "#",
  "%00",
  "\0",
  "\r\n",
  "é",
  "🦊",
  "[",
  "]",
  "::ffff:",
  "10.0.0.1",
  "203.0.113.9",
  "2001:db8::1",
  ",",
  ";",
  "=",
  " ",
  "permessage-deflate",
  "client_max_window_bits",
  "server_max_window_bits",
  '"',
  "15",
  "-1",
  "PROXY ",
  "TCP4",
  "TCP6",
  "UNKNOWN",
  "\r\n\r\n\0\r\nQUIT\n",
  "\x21\x11\0\x0c",
  "\xff\xff",
  "{",
  "}",
  '"token":',
  "[]",
  "1e999",
  "?cf_connect=",
  "&format=protobuf",
  "all",
  "x".repeat(200),
];

const ALLOWED = /^https:\/\/[-0-9_a-z.]+\.app\.example$|rt\.example(:\d+)?$/;

/** Numbers in [0, 1), the same for the same seed. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

function* hostileTexts(): Generator<string> {
  const random = seeded(SEED);
  for (let made = 0; made < INPUTS; made++) {
    let text = "";
    for (let left = Math.floor(random() * 7); left >= 0; left--)
      text += PIECES[Math.floor(random() * PIECES.length)] ?? "";
    yield text;
  }
}

const trusted = new Networks(["10.0.0.0/8"]);
const origins = new OriginPolicy(["same-host", "https://*.app.example"]);
const stranger = { address: "192.0.2.1", isSecure: false };

/** Whether everybody who judges what strangers send keeps to its rule for this text. */
function isJudgedRight(text: string): boolean {
  const header = parseProxyHeader(Buffer.from(text, "latin1"));
  const named = header.state === "whole" ? header.address : undefined;
  const believed = clientBehind({ address: "10.0.0.1", isSecure: false }, { "x-forwarded-for": text }, trusted);
  const isAddress = isEmulationAddress({ node: text, session: "s", data: Buffer.alloc(0) });
  return [
    [named ?? "127.0.0.1", believed.address].every((address) => plainAddress(address) === address),
    clientBehind(stranger, { "x-forwarded-for": text, "x-forwarded-proto": text }, trusted) === stranger,
    !origins.judge(text, "rt.example").isAllowed || ALLOWED.test(text.toLowerCase()),
    !isAddress || /^[-\w]{1,64}$/.test(text),
    uniConnectFrame(text)?.includes("\n") !== true,
  ].every(Boolean);
}

test("[PRX2] [PRX3] [ORG1] [EMU3] [HS2] 1,350,000 judgements of hostile headers, queries and bytes: nobody throws, is fooled, or is slow", () => {
  const startMs = performance.now();
  const rssBytes = process.memoryUsage().rss;
  const fooling: string[] = [];
  for (const text of hostileTexts()) {
    if (!isJudgedRight(text)) fooling.push(text);
    readForm(splitUrl(text).query, text);
    readStreamForm("http_stream", { url: text, contentType: text });
    canAgreeOnDeflate(text);
  }
  expect(fooling).toEqual([]);
  // Generous, because the machine is shared: it takes three seconds.
  expect(performance.now() - startMs).toBeLessThan(30_000);
  expect(process.memoryUsage().rss - rssBytes).toBeLessThan(200e6);
});
