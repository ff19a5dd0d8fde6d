import { fc } from "@fast-check/vitest";
import { expect, test } from "vitest";
import type { NamespaceRules } from "../config/channels.ts";
import { compilePayloadCheck, type PayloadCheck } from "./payload-check.ts";
import { SchemaCompiler } from "./payload-schema.ts";

/** CPU time of this thread: by the clock a busy machine takes longer. */
const cpuMs = (): number => process.threadCpuUsage().user / 1000;

type Payload = NamespaceRules["payload"];

function check(payload: Partial<Payload>): PayloadCheck {
  const compiled = compilePayloadCheck({ format: "json", sanitize: [], ...payload }, new SchemaCompiler());
  if (!compiled.ok) throw new Error(compiled.problem);
  return compiled.check;
}

function problemOf(schema: Readonly<Record<string, unknown>>): string {
  const compiled = compilePayloadCheck({ format: "json", sanitize: [], schema }, new SchemaCompiler());
  return compiled.ok ? "" : compiled.problem;
}

/** The text that goes on, or the problem. */
function verdict(checker: PayloadCheck, text: string | Buffer): string {
  const result = checker(Buffer.from(text));
  return result.ok ? result.data.toString("utf8") : `refused: ${result.problem}`;
}

const message = {
  type: "object",
  required: ["text"],
  additionalProperties: false,
  properties: {
    text: { type: "string", minLength: 1, pattern: "^[^\\x00]*$" },
    to: { type: "array", items: { $ref: "#/$defs/user" }, maxItems: 3 },
    n: { type: "number" },
  },
  $defs: { user: { type: "string", pattern: "^[a-z]+$" } },
};

test("[CHN7] a payload that fits goes through byte for byte", () => {
  for (const text of ['{ "text" : "h\\u00e9" , "n": 1.50e+3}', '{"n":12345678901234567890,"text":"x"}']) {
    expect(verdict(check({ schema: message }), text)).toBe(text);
  }
});

const REFUSED: readonly (readonly [text: string, problem: string])[] = [
  ['{"text":1}', "data/text must be string"],
  ["{}", "data must have required property 'text'"],
  ['{"text":"x","to":["anna","B"]}', 'data/to/1 must match pattern "^[a-z]+$"'],
  ['{"text":"x","toString":1}', "data must NOT have additional properties"],
  ['{"text":"x","text":"y"}', "data must name no member twice"],
  [`{"text":"x","n":${"[".repeat(70)}${"]".repeat(70)}}`, "data must nest at most 64 levels"],
  ["nonsense", "data must be JSON"],
  ['{"text":"x"', "data must be JSON"],
];

test.each(REFUSED)("[CHN7] %s is refused: %s", (text, problem) => {
  expect(verdict(check({ schema: message }), text)).toBe(`refused: ${problem}`);
});

test("[CHN7] data that is not JSON is refused where JSON is wanted, and taken where it is binary", () => {
  const bytes = Buffer.from([0xff, 0x00, 0x22]);
  expect(verdict(check({}), bytes)).toBe("refused: data must be JSON");
  expect(verdict(check({}), Buffer.from('"\xff"', "latin1"))).toBe("refused: data must be JSON");
  expect(check({ format: "binary" })(bytes)).toEqual({ ok: true, data: bytes });
  expect(verdict(check({}), "[".repeat(500_000))).toBe("refused: data must be JSON");
  expect(verdict(check({}), `${"[".repeat(65)}${"]".repeat(65)}`)).toBe("refused: data must nest at most 64 levels");
  expect(verdict(check({}), '{\r\n"a": "b\\n"\n}')).toBe('{"a": "b\\n"}');
});

test("[CHN7] data over maxBytes is refused", () => {
  expect(verdict(check({ maxBytes: 4 }), '"abc"')).toBe("refused: data must have at most 4 bytes");
  expect(verdict(check({ maxBytes: 4, format: "binary" }), "12345")).toBe("refused: data must have at most 4 bytes");
});

const BAD_SCHEMAS: readonly (readonly [schema: Record<string, unknown>, problem: string])[] = [
  [{ type: "nope" }, "must compile"],
  [{ typo: 1 }, 'unknown keyword: "typo"'],
  [{ $ref: "https://example.com/schema" }, "/$ref must be #/$defs/ and the name of a definition"],
  [{ $ref: "#/$defs/absent" }, "/$ref must be #/$defs/ and the name of a definition"],
  [
    { $defs: { a: { anyOf: [{ $ref: "#/$defs/b" }] }, b: { $ref: "#/$defs/a" } }, $ref: "#/$defs/a" },
    "from within itself",
  ],
  [{ properties: { x: { $id: "https://example.com" } } }, "/properties/x/$id must be left out"],
  [
    { $schema: "http://json-schema.org/draft-07/schema#" },
    "/$schema must be https://json-schema.org/draft/2020-12/schema",
  ],
  [{ items: { format: "email" } }, "/items/format must be left out"],
  [{ type: "array", uniqueItems: true }, "/uniqueItems must come with maxItems of at most 256"],
  [{ type: "string", pattern: "(a)\\1" }, "is no RE2 expression"],
  [{ type: "string", pattern: "a{1,900}" }, "or too large"],
  [{ $async: true }, "/$async must be left out"],
];

test.each(BAD_SCHEMAS)("[CFG1] schema %o is refused: %s", (schema, problem) => {
  expect(problemOf(schema)).toContain(problem);
});

test("[CFG1] schemas that would take exponential time or space are refused", () => {
  const doubling = Object.fromEntries(
    Array.from({ length: 20 }, (_, n) => [
      `d${n}`,
      { anyOf: [{ $ref: `#/$defs/d${n + 1}` }, { $ref: `#/$defs/d${n + 1}` }] },
    ]),
  );
  expect(problemOf({ $defs: { ...doubling, d20: { type: "string" } }, $ref: "#/$defs/d0" })).toMatch(
    /must (have|nest) at most/,
  );
  let deep: Record<string, unknown> = { type: "string" };
  for (let level = 0; level < 40; level++) deep = { items: deep };
  expect(problemOf(deep)).toContain("levels");
  expect(problemOf({ enum: ["x".repeat(40_000)] })).toContain("characters");
});

test("[CHN7] no payload makes a check slow: patterns are linear, unique lists short", () => {
  const schema = {
    type: "array",
    maxItems: 256,
    uniqueItems: true,
    items: { type: "string", pattern: "^(([a-z])+.)+[A-Z]([a-z])+$" },
  };
  const checker = check({ schema });
  const startMs = cpuMs();
  verdict(checker, JSON.stringify(["a".repeat(60_000)]));
  verdict(checker, JSON.stringify(Array.from({ length: 20_000 }, (_, n) => n)));
  expect(cpuMs() - startMs).toBeLessThan(1_000);
});

const html = check({ sanitize: [{ path: "/text" }, { path: "/blocks/*/html", allowedTags: ["b"] }] });

const SANITIZED: readonly (readonly [before: string, after: string])[] = [
  ['{"text":"<b>hi</b><script>alert(1)</script>"}', '{"text":"<b>hi</b>"}'],
  ['{"text":"<img src=x onerror=alert(1)>ok"}', '{"text":"ok"}'],
  ['{"text":"<a href=\\"javascript:alert(1)\\" onclick=x>l</a>"}', '{"text":"<a>l</a>"}'],
  ['{"n":1.50,"big":12345678901234567890,"text":"<i>"}', '{"n":1.50,"big":12345678901234567890,"text":"<i></i>"}'],
  ['{"blocks":[{"html":"<i>x</i>"},{"html":"<b>y</b>"}]}', '{"blocks":[{"html":"x"},{"html":"<b>y</b>"}]}'],
  ['{"text":["<script>1</script>",{"a":"<svg onload=x>"}]}', '{"text":["",{"a":""}]}'],
  ['{"blocks":{"x":{"html":"<p>"}}}', '{"blocks":{"x":{"html":""}}}'],
];

test.each(SANITIZED)("[CHN8] %s becomes %s", (before, after) => {
  expect(verdict(html, before)).toBe(after);
});

const UNTOUCHED: readonly string[] = [
  '{ "text": "plain \\u00e9" , "n": 1.0 }',
  '{"text":"<b>bold</b>"}',
  '{"other":"<script>alert(1)</script>"}',
  '{"text":17}',
  '["<script>"]',
  '"<script>"',
  '{"blocks":[[{"html":1}]],"n":1e400}',
];

test.each(UNTOUCHED)("[CHN8] %s goes through byte for byte", (text) => {
  expect(verdict(html, text)).toBe(text);
});

test("[CHN8] sanitizing takes bounded time, whatever the markup", () => {
  const hostile = [
    "<".repeat(60_000),
    "<div>".repeat(12_000),
    "<b>".repeat(20_000),
    "</b>".repeat(15_000),
    "<!--".repeat(15_000),
    `<a href="${"java\tscript:".repeat(5_000)}">`,
  ];
  for (const text of hostile) {
    const startMs = cpuMs();
    verdict(html, JSON.stringify({ text }));
    expect(cpuMs() - startMs).toBeLessThan(1_000);
  }
});

const messages = check({ schema: message });
const htmlText = fc.array(
  fc.constantFrom(
    "<",
    ">",
    "/",
    "b",
    "a",
    "script",
    "svg",
    "style",
    " href=",
    '"',
    "'",
    "javascript:",
    "onload=",
    "&",
    "&lt;",
    "x",
    " ",
    "<!--",
    "-->",
    "\u2028",
  ),
  { maxLength: 40 },
);

test("[CHN8] what was sanitized stays as it is, and holds no tag but those allowed", () => {
  const holds = fc.property(htmlText, (parts) => {
    const once = verdict(html, JSON.stringify({ text: parts.join("") }));
    expect(verdict(html, once)).toBe(once);
    const { text } = JSON.parse(once) as { text: string };
    expect(text).not.toMatch(/<(?!\/?(b|a|p|i|em|strong|code|pre|br|ul|ol|li|blockquote)[\s/>])/i);
    // A scheme begins the attribute: behind anything else it is part of a path.
    expect(text).not.toMatch(/<[^>]*(\son|="\s*javascript:)/i);
  });
  fc.assert(holds, { numRuns: 2_000 });
});

test("[CHN7] whatever the bytes are, the verdict is a value", () => {
  const holds = fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) =>
    [html, messages].every((checker) => typeof checker(Buffer.from(bytes)).ok === "boolean"),
  );
  fc.assert(holds, { numRuns: 2_000 });
});

test("[CHN8] JSON of any shape is checked and sanitized without a throw", () => {
  const holds = fc.property(fc.json({ maxDepth: 6 }), (text) => {
    const result = html(Buffer.from(`{"text":${text},"blocks":${text}}`));
    return result.ok || result.problem !== "";
  });
  fc.assert(holds, { numRuns: 1_000 });
});
