import { fc } from "@fast-check/vitest";
import { expect, test } from "vitest";
import { jsonCodec } from "./json-codec.ts";
import { protobufCodec } from "./protobuf.ts";

test.each([
  ["a reply of a kind to come", '{"id":1,"other":{}}'],
  ["a push of a kind to come", '{"push":{"channel":"c","other":{}}}'],
  ["an extension to come", '{"push":{"belay":{"other":{}}}}'],
  ["a message to come", '{"other":{}}'],
])("[COD2] %s is left out", (_, line) => {
  expect(jsonCodec.decode(`${line}\n{}`)).toEqual({ ok: true, messages: [{ type: "ping" }] });
});

test.each([
  ["no JSON", "{"],
  ["a list", "[]"],
  ["null", "null"],
  ["an id that is text", '{"id":"1","publish":{}}'],
  ["a result that is a number", '{"id":1,"subscribe":7}'],
  ["an offset that is text", '{"push":{"channel":"c","pub":{"data":1,"offset":"3"}}}'],
  ["publications that are no list", '{"id":1,"history":{"publications":{}}}'],
  ["presence of a number", '{"id":1,"presence":{"presence":{"a":1}}}'],
  ["a channel that is a number", '{"push":{"channel":5,"pub":{"data":1}}}'],
  ["tags that are no texts", '{"push":{"channel":"c","pub":{"data":1,"tags":{"a":1}}}}'],
])("[COD2] %s is a refusal and no throw", (_, line) => {
  expect(jsonCodec.decode(line)).toMatchObject({ ok: false, problem: expect.any(String) as string });
});

test("[COD2] a form in the other's clothes is a refusal", () => {
  expect(jsonCodec.decode(new Uint8Array([0]))).toMatchObject({ ok: false });
  expect(protobufCodec.decode("{}")).toMatchObject({ ok: false });
});

test("[COD2] any bytes are messages or a refusal", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (frame) => {
      expect(protobufCodec.decode(frame)).toHaveProperty("ok");
    }),
  );
});

test("[COD2] any JSON is messages or a refusal", () => {
  fc.assert(
    fc.property(fc.json(), (value) => {
      for (const frame of [value, `{"id":1,"connect":${value}}`, `{"push":${value}}`, `{"push":{"pub":${value}}}`]) {
        expect(jsonCodec.decode(frame)).toHaveProperty("ok");
      }
    }),
  );
});
