/** Schema of webhooks: what the gateways ask the application, and where. */
import { z } from "zod";
import { rules } from "../fields.ts";
import { secretKeyRef } from "./auth-schema.ts";
import type { HooksSpec } from "./gen/types.ts";

const OWN_HEADERS =
  "^(host|connection|keep-alive|transfer-encoding|te|trailer|upgrade|expect|content-.*|accept|accept-encoding|proxy-.*|sec-websocket-.*|belay-.*)$";

const headerName = z
  .string()
  .min(1)
  .max(128)
  .regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/)
  .meta(
    rules([
      `!self.lowerAscii().matches('${OWN_HEADERS}')`,
      "must be a header that a client may set, such as Cookie: this one belongs to the request",
    ]),
  );

const hook = z
  .strictObject({
    url: z
      .string()
      .max(2048)
      .regex(/^https?:\/\/[^\s/?#@]+(\/[^\s#]*)?$/)
      .describe("Where the question is posted to, such as http://shop.default.svc:8080/hooks/connect."),
    timeoutMs: z
      .int32()
      .min(10)
      .max(30_000)
      .exactOptional()
      .describe("Milliseconds for the answer, waiting included. 1000 when absent."),
    concurrency: z.int32().min(1).max(1000).exactOptional().describe("Requests of one pod at a time. 64 when absent."),
    maxWaiting: z
      .int32()
      .min(0)
      .max(100_000)
      .exactOptional()
      .describe("Requests of one pod that may wait for their turn. 1024 when absent."),
    maxResponseBytes: z
      .int32()
      .min(256)
      .max(1_048_576)
      .exactOptional()
      .describe("Largest answer, bytes. 65536 when absent."),
    headers: z
      .array(headerName)
      .max(32)
      .meta({ "x-kubernetes-list-type": "set" })
      .exactOptional()
      .describe("Headers of the client that are passed on, such as Cookie. None when absent."),
    encoding: z
      .enum(["json", "binary"])
      .exactOptional()
      .describe("json: payloads that are JSON go as data. binary: all go as b64data. json when absent."),
  })
  .meta({ typeName: "HookSpec" });

export const hooks: z.ZodType<HooksSpec> = z
  .strictObject({
    connect: hook.exactOptional().describe("Asked who a client is that connects without a token."),
    refresh: hook
      .exactOptional()
      .describe("Asked when a connection's time is over; the client has nothing to do then."),
    subscribe: hook.exactOptional().describe("Asked in namespaces with hooks.subscribe."),
    subRefresh: hook
      .exactOptional()
      .describe("Asked in namespaces with hooks.subRefresh when a subscription's time is over."),
    publish: hook.exactOptional().describe("Asked in namespaces with hooks.publish."),
    rpc: hook.exactOptional().describe("Answers rpc calls of clients."),
    secretRef: secretKeyRef("secret")
      .exactOptional()
      .describe(
        "Secret that signs the requests. While it is changed it holds two lines, the new one and the old one. A changed value is used without a restart; another Secret replaces the pods.",
      ),
    caSecretRef: secretKeyRef("ca.crt")
      .exactOptional()
      .describe("Certificates of a private CA, trusted besides the usual ones. Another Secret replaces the pods."),
  })
  .meta({ typeName: "HooksSpec" });
