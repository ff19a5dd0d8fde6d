import { request, type Dispatcher } from "undici";
import {
  type ApplyOptions,
  type DeleteOptions,
  type KubeClient,
  KubeError,
  type KubeObject,
  type ListOptions,
  type ListPage,
  type ObjectRef,
  type Patch,
  type Resource,
  type WatchEvent,
  type WatchOptions,
} from "./kube-client.ts";
import type { KubeConnection } from "./kube-connection.ts";
import { collectionPath, listPath, objectPath, watchPath, withQuery } from "./kube-paths.ts";
import { linesOf } from "./watch-lines.ts";

export interface KubeTimeouts {
  readonly callMs: number;
  /** Bookmarks come about once a minute: a watch silent for longer than this is dead. */
  readonly watchIdleMs: number;
}

/** A server that asks for more is asked again all the same. */
const retryAfterCapSeconds = 300;

const defaultTimeouts: KubeTimeouts = { callMs: 15_000, watchIdleMs: 90_000 };

interface Call {
  readonly method: Dispatcher.HttpMethod;
  readonly path: string;
  readonly body?: unknown;
  readonly contentType?: string;
}

/** What a request was for, for metrics: one call per attempt, watches included. */
export type OnKubeRequest = (verb: string, resource: string, code: number | "error") => void;

interface StatusBody {
  readonly message?: string;
  readonly reason?: string;
  readonly details?: { readonly retryAfterSeconds?: number };
}

/** The adapter of the port to a real API server. */
export class HttpKubeClient implements KubeClient {
  readonly #connection: KubeConnection;
  readonly #onRequest: OnKubeRequest;
  readonly #timeouts: KubeTimeouts;

  constructor(
    connection: KubeConnection,
    onRequest: OnKubeRequest = () => undefined,
    timeouts: KubeTimeouts = defaultTimeouts,
  ) {
    this.#connection = connection;
    this.#onRequest = onRequest;
    this.#timeouts = timeouts;
  }

  async get<T extends KubeObject>(ref: ObjectRef): Promise<T | undefined> {
    try {
      return (await this.#call(["get", ref.resource], { method: "GET", path: objectPath(ref) })) as T;
    } catch (error) {
      if (error instanceof KubeError && error.status === 404) return undefined;
      throw error;
    }
  }

  async list<T extends KubeObject>(resource: Resource, options: ListOptions): Promise<ListPage<T>> {
    const { items, metadata } = (await this.#call(["list", resource], {
      method: "GET",
      path: listPath(resource, options),
    })) as {
      items: readonly T[];
      metadata: { resourceVersion: string; continue?: string };
    };
    return {
      // Items of a list carry neither apiVersion nor kind.
      items: items.map((item) => ({ ...item, apiVersion: resource.apiVersion, kind: resource.kind })),
      resourceVersion: metadata.resourceVersion,
      continueToken: metadata.continue ?? "",
    };
  }

  async *watch<T extends KubeObject>(
    resource: Resource,
    options: WatchOptions,
    signal: AbortSignal,
  ): AsyncGenerator<WatchEvent<T>> {
    const idle = new AbortController();
    const timer = setTimeout(() => idle.abort(new Error("watch silent for too long")), this.#timeouts.watchIdleMs);
    try {
      const response = await this.#send(
        ["watch", resource],
        { method: "GET", path: watchPath(resource, options) },
        {
          dispatcher: this.#connection.watches,
          signal: AbortSignal.any([signal, idle.signal]),
        },
      );
      for await (const line of linesOf(response.body)) {
        timer.refresh();
        yield watchEvent<T>(line);
      }
    } finally {
      clearTimeout(timer);
    }
  }

  create<T extends KubeObject>(resource: Resource, object: T): Promise<T> {
    const path = withQuery(collectionPath(resource, object.metadata.namespace), { fieldValidation: "Strict" });
    return this.#call(["create", resource], { method: "POST", path, body: object }) as Promise<T>;
  }

  replace<T extends KubeObject>(resource: Resource, object: T): Promise<T> {
    const path = withQuery(objectPath(refOf(resource, object)), { fieldValidation: "Strict" });
    return this.#call(["update", resource], { method: "PUT", path, body: object }) as Promise<T>;
  }

  apply<T extends KubeObject>(
    resource: Resource,
    object: T,
    { fieldManager, force, subresource }: ApplyOptions,
  ): Promise<T> {
    const path = withQuery(objectPath(refOf(resource, object), subresource), {
      fieldManager,
      force,
      fieldValidation: "Strict",
    });
    const contentType = "application/apply-patch+yaml";
    return this.#call(["patch", resource], { method: "PATCH", path, body: object, contentType }) as Promise<T>;
  }

  patch<T extends KubeObject>(ref: ObjectRef, patch: Patch, subresource?: "status"): Promise<T> {
    return this.#call(["patch", ref.resource], {
      method: "PATCH",
      path: withQuery(objectPath(ref, subresource), { fieldValidation: "Strict" }),
      body: patch.type === "json" ? patch.operations : patch.body,
      contentType: patch.type === "json" ? "application/json-patch+json" : "application/merge-patch+json",
    }) as Promise<T>;
  }

  async delete(ref: ObjectRef, { uid, resourceVersion }: DeleteOptions = {}): Promise<void> {
    const preconditions = {
      ...(uid !== undefined && { uid }),
      ...(resourceVersion !== undefined && { resourceVersion }),
    };
    const body = { apiVersion: "v1", kind: "DeleteOptions", propagationPolicy: "Background", preconditions };
    try {
      await this.#call(["delete", ref.resource], { method: "DELETE", path: objectPath(ref), body });
    } catch (error) {
      if (!(error instanceof KubeError) || error.status !== 404) throw error;
    }
  }

  async #call(purpose: readonly [verb: string, resource: Resource], call: Call): Promise<unknown> {
    const signal = AbortSignal.timeout(this.#timeouts.callMs);
    const { body } = await this.#send(purpose, call, { dispatcher: this.#connection.calls, signal });
    return body.json();
  }

  async #send(
    [verb, { plural }]: readonly [verb: string, resource: Resource],
    { method, path, body, contentType = "application/json" }: Call,
    options: { readonly dispatcher: Dispatcher; readonly signal: AbortSignal },
  ): Promise<Dispatcher.ResponseData> {
    try {
      const response = await request(`${this.#connection.server}${path}`, {
        ...options,
        method,
        headers: {
          ...(await this.#connection.headers()),
          Accept: "application/json",
          "User-Agent": "belay-operator",
          ...(body !== undefined && { "Content-Type": contentType }),
        },
        body: body === undefined ? null : JSON.stringify(body),
      });
      this.#onRequest(verb, plural, response.statusCode);
      if (response.statusCode >= 400) throw await refusal(response);
      return response;
    } catch (error) {
      if (!(error instanceof KubeError)) this.#onRequest(verb, plural, "error");
      throw error;
    }
  }
}

function refOf(resource: Resource, { metadata: { name, namespace } }: KubeObject): ObjectRef {
  return { resource, name, ...(namespace !== undefined && { namespace }) };
}

async function refusal({ statusCode, headers, body }: Dispatcher.ResponseData): Promise<KubeError> {
  const text = await body.text();
  const status = parseStatus(text);
  const header = Number(headers["retry-after"] ?? Number.NaN);
  const seconds = Number.isFinite(header) ? header : status.details?.retryAfterSeconds;
  const retryAfterSeconds = seconds === undefined ? undefined : Math.min(Math.max(0, seconds), retryAfterCapSeconds);
  return new KubeError(statusCode, status.reason ?? "Unknown", status.message ?? text.slice(0, 500), retryAfterSeconds);
}

function parseStatus(text: string): StatusBody {
  try {
    const body: unknown = JSON.parse(text);
    return typeof body === "object" && body !== null ? body : {};
  } catch {
    // A proxy in between answers in HTML or plain words.
    return {};
  }
}

function watchEvent<T extends KubeObject>(line: string): WatchEvent<T> {
  const { type, object } = JSON.parse(line) as { type: string; object: T & StatusBody & { code?: number } };
  switch (type) {
    case "ADDED":
    case "MODIFIED":
    case "DELETED":
      return { type, object };
    case "BOOKMARK":
      return { type, resourceVersion: object.metadata.resourceVersion ?? "" };
    default:
      throw new KubeError(
        object.code ?? 500,
        object.reason ?? "Unknown",
        object.message ?? "watch error",
        object.details?.retryAfterSeconds,
      );
  }
}
