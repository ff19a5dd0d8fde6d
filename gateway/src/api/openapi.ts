import { ERROR, SERVER_VERSION } from "@belay/protocol";
import { z } from "zod";
import { API_METHODS } from "./methods.ts";

let text: string | undefined;

/** The description of the server API in OpenAPI 3.1, as JSON text. Made from the methods' schemas. */
export function openApiText(): string {
  text ??= `${JSON.stringify(openApi(), undefined, 2)}\n`;
  return text;
}

function openApi(): object {
  return {
    openapi: "3.1.0",
    info: {
      title: "Belay server API",
      version: SERVER_VERSION,
      description:
        "What an application's backend may ask of any gateway. An error of a method is an answer with status 200 and `error`.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/api", description: "The client port of any gateway." }],
    security: [{ key: [] }, { authorization: [] }],
    paths: Object.fromEntries([
      ...[...API_METHODS].map(([name, { path = name, summary, request, response }]): [string, object] => [
        `/${path}`,
        { post: operation({ name, summary, request: schemaOf(request), response: answerOf(schemaOf(response)) }) },
      ]),
      ["/batch", { post: operation(batch()) }],
    ]),
    components: {
      securitySchemes: {
        key: { type: "apiKey", in: "header", name: "X-API-Key" },
        authorization: { type: "apiKey", in: "header", name: "Authorization", description: "`apikey <key>`" },
      },
      schemas: { Error: ERROR_SCHEMA },
    },
  };
}

const ERROR_SCHEMA = {
  type: "object",
  required: ["code", "message"],
  properties: {
    code: { type: "integer", enum: Object.values(ERROR).map(({ code }) => code) },
    message: { type: "string" },
    temporary: { type: "boolean", description: "The same request may work later." },
  },
};

interface Operation {
  readonly name: string;
  readonly summary: string;
  readonly request: object;
  readonly response: object;
}

function operation({ name, summary, request, response }: Operation): object {
  return {
    operationId: name,
    summary,
    requestBody: { required: true, content: { "application/json": { schema: request } } },
    responses: {
      200: { description: "Done, or refused with an error.", content: { "application/json": { schema: response } } },
      400: { description: "The body is no JSON object." },
      401: { description: "The key is wrong or missing." },
      413: { description: "The body is too large." },
    },
  };
}

function batch(): Operation {
  const commands = Object.fromEntries([...API_METHODS].map(([name, { request }]) => [name, schemaOf(request)]));
  const one = { type: "object", minProperties: 1, maxProperties: 1 };
  return {
    name: "batch",
    summary: "Several commands in one request, answered in their order.",
    request: {
      type: "object",
      required: ["commands"],
      properties: {
        commands: { type: "array", maxItems: 1000, items: { ...one, properties: commands } },
        parallel: { type: "boolean", description: "Do not wait for one before the next." },
      },
    },
    response: { type: "object", properties: { replies: { type: "array", items: one } } },
  };
}

function answerOf(result: object): object {
  return { type: "object", properties: { result, error: { $ref: "#/components/schemas/Error" } } };
}

function schemaOf(schema: z.ZodType): object {
  const converted: object = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" });
  return Object.fromEntries(Object.entries(converted).filter(([name]) => name !== "$schema"));
}
