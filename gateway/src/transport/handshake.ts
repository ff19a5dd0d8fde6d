/** Whether an HTTP upgrade becomes a connection (HS1–HS3). Pure: the request in, the verdict out. */

export const WEBSOCKET_PATH = "/connection/websocket";
export const UNI_WEBSOCKET_PATH = "/connection/uni_websocket";

export interface UpgradeRequest {
  readonly method: string;
  /** Path and query as they stand in the request line. */
  readonly url: string;
  readonly upgrade: string | undefined;
  readonly version: string | undefined;
  readonly key: string | undefined;
  readonly subprotocols: string | undefined;
}

export interface UpgradeRefusal {
  readonly status: 400 | 403 | 404 | 405 | 426 | 503;
  readonly problem: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export const WEBSOCKET_PATHS: ReadonlySet<string> = new Set([WEBSOCKET_PATH, UNI_WEBSOCKET_PATH]);

/** 16 bytes in base64. */
const KEY = /^[+/0-9A-Za-z]{22}==$/;

/** Undefined when the upgrade may go on. */
export function judgeUpgrade(request: UpgradeRequest): UpgradeRefusal | undefined {
  const { path, query } = splitUrl(request.url);
  if (!WEBSOCKET_PATHS.has(path)) return { status: 404, problem: "no such path" };
  if (request.method !== "GET") return { status: 405, problem: "method must be GET", headers: { Allow: "GET" } };
  if (request.upgrade?.toLowerCase() !== "websocket") return { status: 400, problem: "upgrade must be websocket" };
  if (request.version !== "13") {
    return { status: 426, problem: "version must be 13", headers: { "Sec-WebSocket-Version": "13" } };
  }
  if (request.key === undefined || !KEY.test(request.key))
    return { status: 400, problem: "key must be 16 bytes in base64" };
  return hasForm(path, query, request.subprotocols)
    ? undefined
    : { status: 400, problem: "no such form of the protocol" };
}

/** Clients that only listen speak JSON. */
function hasForm(path: string, query: URLSearchParams, subprotocols: string | undefined): boolean {
  const form = readForm(query, subprotocols);
  return form !== undefined && (form.name === "json" || path !== UNI_WEBSOCKET_PATH);
}

/** The form of the protocol that a WebSocket speaks, and the sub-protocol that says so where the client offered it. */
export interface WebsocketForm {
  readonly name: "json" | "protobuf";
  readonly subprotocol: string | undefined;
}

/** The query decides, then the first offer that is one of ours (HS2). Undefined for a form that there is not. */
export function readForm(query: URLSearchParams, subprotocols: string | undefined): WebsocketForm | undefined {
  const offered = (subprotocols ?? "").split(",").map((name) => name.trim());
  const known = offered.find((name) => SUBPROTOCOLS.has(name));
  const name = query.get("cf_protocol") ?? query.get("format") ?? SUBPROTOCOLS.get(known ?? "") ?? "json";
  if (name !== "json" && name !== "protobuf") return undefined;
  return { name, subprotocol: offered.find((each) => SUBPROTOCOLS.get(each) === name) };
}

const SUBPROTOCOLS: ReadonlyMap<string, "json" | "protobuf"> = new Map([
  ["centrifuge-json", "json"],
  ["centrifuge-protobuf", "protobuf"],
]);

export function splitUrl(url: string): { readonly path: string; readonly query: URLSearchParams } {
  const mark = url.indexOf("?");
  return mark === -1
    ? { path: url, query: new URLSearchParams() }
    : { path: url.slice(0, mark), query: new URLSearchParams(url.slice(mark + 1)) };
}
