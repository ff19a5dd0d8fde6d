import { ERROR } from "@belay/protocol";
import { z } from "zod";
import type { StoredPublication } from "../broker/broker.ts";
import { type ApiMethod, apiMethod, attempt, EMPTY, namespaceOf } from "./api-method.ts";
import { channel, empty, flag, integer, json, position, text } from "./fields.ts";

const clientInfo = z.object({
  user: text,
  client: text,
  conn_info: json.optional(),
  chan_info: json.optional(),
});

const presence: ApiMethod = apiMethod({
  summary: "Who is in a channel.",
  request: z.object({ channel }),
  response: z.object({ presence: z.record(text, clientInfo).describe("By client id.") }),
  channelsOf: (request) => [request.channel],
  run: (backend, request) => {
    const namespace = namespaceOf(backend, request.channel);
    if ("error" in namespace) return Promise.resolve(namespace);
    if (!namespace.presence) return Promise.resolve({ error: ERROR.notAvailable });
    return attempt(
      backend.broker.presence(request.channel).then((members) => ({
        result: `{"presence":{${members.map(({ client, info }) => `${JSON.stringify(client)}:${info.toString("utf8")}`).join(",")}}}`,
      })),
    );
  },
});

const presenceStats: ApiMethod = apiMethod({
  summary: "How many are in a channel.",
  request: z.object({ channel }),
  response: z.object({ num_clients: integer(0), num_users: integer(0) }),
  channelsOf: (request) => [request.channel],
  run: (backend, request) => {
    const namespace = namespaceOf(backend, request.channel);
    if ("error" in namespace) return Promise.resolve(namespace);
    if (!namespace.presence) return Promise.resolve({ error: ERROR.notAvailable });
    return attempt(
      backend.broker.presenceStats(request.channel).then(({ clients, users }) => ({
        result: JSON.stringify({ num_clients: clients, num_users: users }),
      })),
    );
  },
});

const history: ApiMethod = apiMethod({
  summary: "What a channel remembers.",
  request: z.object({
    channel,
    limit: integer(-1).optional().describe("Most publications; 0 or absent: only the position, -1: all."),
    since: position.optional().describe("Publications after this place; before it when reversed."),
    reverse: flag.optional().describe("Newest first."),
  }),
  response: z.object({
    publications: z.array(
      z.object({
        data: json,
        offset: integer(0),
        tags: z.record(text, text).optional(),
        info: clientInfo.optional(),
        time: integer(0).describe("Milliseconds since 1970."),
      }),
    ),
    offset: integer(0),
    epoch: text,
  }),
  channelsOf: (request) => [request.channel],
  run: (backend, { channel: name, limit = 0, since, reverse }) => {
    const namespace = namespaceOf(backend, name);
    if ("error" in namespace) return Promise.resolve(namespace);
    if (namespace.history === undefined) return Promise.resolve({ error: ERROR.notAvailable });
    const request = {
      channel: name,
      reverse: reverse === true,
      ...(limit >= 0 && { limit }),
      ...(since !== undefined && { since }),
    };
    return attempt(
      backend.broker.history(request).then(({ position: top, publications }) => {
        if (since !== undefined && since.epoch !== "" && since.epoch !== top.epoch) {
          return { error: ERROR.unrecoverablePosition };
        }
        const list = publications.map((one) => publicationText(one)).join(",");
        return { result: `{"publications":[${list}],"offset":${top.offset},"epoch":${JSON.stringify(top.epoch)}}` };
      }),
    );
  },
});

/** Bytes that are no JSON are shown as base64, under another name. */
function publicationText({ data, offset, tags, info, timeMs }: StoredPublication): string {
  const shown = isJson(data) ? `"data":${data.toString("utf8")}` : `"b64data":"${data.toString("base64")}"`;
  const tagsText = tags === undefined ? "" : `,"tags":${JSON.stringify(tags)}`;
  const infoText = info === undefined ? "" : `,"info":${info.toString("utf8")}`;
  return `{${shown},"offset":${offset},"time":${timeMs}${tagsText}${infoText}}`;
}

function isJson(data: Buffer): boolean {
  try {
    JSON.parse(data.toString("utf8"));
    return true;
  } catch {
    // A channel of binary payloads.
    return false;
  }
}

const historyRemove: ApiMethod = apiMethod({
  summary: "Forget what a channel remembers; its positions go on.",
  request: z.object({ channel }),
  response: empty,
  channelsOf: (request) => [request.channel],
  run: ({ broker, control }, { channel: name }) =>
    attempt(
      broker
        .removeHistory(name)
        .then(() => control.historyRemoved(name))
        .then(() => EMPTY),
    ),
});

const channels: ApiMethod = apiMethod({
  summary: "Channels with subscribers, and how many connections each has.",
  request: z.object({
    pattern: z.string("must be a string").max(255).optional().describe("`*` and `?` as in a file name."),
  }),
  response: z.object({ channels: z.record(text, z.object({ num_clients: integer(0) })) }),
  channelsOf: () => [],
  run: (backend, { pattern = "" }) =>
    attempt(
      backend.cluster.channels(pattern === "" ? "*" : pattern).then((found) => ({
        result: JSON.stringify({
          channels: Object.fromEntries([...found].map(([name, clients]) => [name, { num_clients: clients }])),
        }),
      })),
    ),
});

const info: ApiMethod = apiMethod({
  summary: "The gateways of the cluster.",
  request: z.object({}),
  response: z.object({
    nodes: z.array(
      z.object({
        uid: text.describe("UID of the pod."),
        name: text,
        version: text,
        revision: text,
        num_clients: integer(0),
        num_users: integer(0),
        num_subs: integer(0),
        num_channels: integer(0),
        uptime: integer(0).describe("Seconds."),
      }),
    ),
  }),
  channelsOf: () => [],
  run: (backend) => attempt(backend.cluster.nodes().then((nodes) => ({ result: JSON.stringify({ nodes }) }))),
});

export const CHANNEL_METHODS: Readonly<
  Record<"presence" | "presence_stats" | "history" | "history_remove" | "channels" | "info", ApiMethod>
> = {
  presence,
  presence_stats: presenceStats,
  history,
  history_remove: historyRemove,
  channels,
  info,
};
