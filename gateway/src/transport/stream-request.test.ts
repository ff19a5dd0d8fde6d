import { expect, test } from "vitest";
import { readStreamForm, type StreamTransport, uniConnectFrame } from "./stream-request.ts";

const connect = '{"id":1,"connect":{"token":"a&b"}}';

test.each<[StreamTransport, string, string | undefined, unknown]>([
  ["sse", `/connection/sse?cf_connect=${encodeURIComponent(connect)}`, undefined, { codec: "json", connect }],
  ["sse", "/connection/sse", undefined, { codec: "json", connect: "" }],
  ["sse", "/connection/sse?cf_protocol=protobuf", undefined, undefined],
  ["sse", "/connection/sse", "application/octet-stream", undefined],
  ["http_stream", "/connection/http_stream", "application/json", { codec: "json", connect: "" }],
  ["http_stream", "/connection/http_stream", undefined, { codec: "json", connect: "" }],
  ["http_stream", "/connection/http_stream", "application/octet-stream", { codec: "protobuf", connect: "" }],
  ["http_stream", "/connection/http_stream", "Application/Octet-Stream; x=y", { codec: "protobuf", connect: "" }],
  ["http_stream", "/connection/http_stream?cf_protocol=protobuf", undefined, { codec: "protobuf", connect: "" }],
  ["http_stream", "/connection/http_stream?format=protobuf", undefined, { codec: "protobuf", connect: "" }],
  ["http_stream", "/x?cf_protocol=json", "application/octet-stream", { codec: "json", connect: "" }],
  ["http_stream", "/connection/http_stream?format=xml", undefined, undefined],
  ["uni_sse", "/connection/uni_sse?format=protobuf", undefined, undefined],
  ["uni_http_stream", "/connection/uni_http_stream", "application/octet-stream", undefined],
])("[STR1] %s at %j with content type %j", (transport, url, contentType, form) => {
  expect(readStreamForm(transport, { url, contentType })).toEqual(form);
});

test.each([
  ["", '{"id":1,"connect":{}}'],
  [" \n", '{"id":1,"connect":{}}'],
  ['{"token":"x"}', '{"id":1,"connect":{"token":"x"}}'],
  ['{\r\n  "data": 1.0e0\n}\n', '{"id":1,"connect":{    "data": 1.0e0 } }'],
  ["[]", undefined],
  ["null", undefined],
  ["x", undefined],
  ['{},"rpc":{"method":"m"}', undefined],
  ['{}}\n{"id":2,"rpc":{"method":"m"}', undefined],
])("[UNI1] connect request %j", (request, frame) => {
  expect(uniConnectFrame(request)?.toString()).toBe(frame);
});
