/** Whether an HTTP upgrade becomes a connection (HS1–HS3). Pure: the request in, the verdict out. */

export const WEBSOCKET_PATH = "/connection/websocket";
export const UNI_WEBSOCKET_PATH = "/connection/uni_websocket";
export const JSON_SUBPROTOCOL = "centrifuge-json";

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
  if (query.get("format") === "protobuf" || offersOnlyProtobuf(request.subprotocols)) {
    return { status: 400, problem: "only the JSON form of the protocol is served" };
  }
  return undefined;
}

export function splitUrl(url: string): { readonly path: string; readonly query: URLSearchParams } {
  const mark = url.indexOf("?");
  return mark === -1
    ? { path: url, query: new URLSearchParams() }
    : { path: url.slice(0, mark), query: new URLSearchParams(url.slice(mark + 1)) };
}

function offersOnlyProtobuf(subprotocols: string | undefined): boolean {
  const offered = (subprotocols ?? "").split(",").map((name) => name.trim());
  return offered.includes("centrifuge-protobuf") && !offered.includes(JSON_SUBPROTOCOL);
}
