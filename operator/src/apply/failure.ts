/** Sorts what an API server says to a write. */
import { KubeError } from "../kube/kube-client.ts";
import { NotLeadingError } from "../runtime/guarded-client.ts";

/** The name is taken by an object that is not ours. */
export class NameCollisionError extends Error {
  constructor(kind: string, name: string, namespace: string, cluster: string) {
    super(
      `${kind} "${name}" in namespace "${namespace}" exists and does not belong to RealtimeCluster "${cluster}": delete or rename it, or give the RealtimeCluster another name`,
    );
    this.name = "NameCollisionError";
  }
}

export type Verdict =
  /** Somebody was faster, or the object is gone: the next pass sees it. */
  | "outdated"
  /** The API server is away or busy: try again later. */
  | "transient"
  /** It will be refused again until somebody changes something. */
  | "refused"
  /** Not ours to write any more. */
  | "not leading";

export function judgeError(error: unknown): Verdict {
  if (error instanceof NotLeadingError) return "not leading";
  if (error instanceof NameCollisionError) return "refused";
  return error instanceof KubeError ? judgeRefusal(error) : "transient";
}

function judgeRefusal({ status, message }: KubeError): Verdict {
  const isNamespaceGoing = status === 403 && message.includes("being terminated");
  if (status === 404 || status === 409 || isNamespaceGoing) return "outdated";
  // A field that the API server does not know is a 500, and will be one again.
  const isUnknownField = /unknown field|field not declared/.test(message);
  return status === 429 || (status >= 500 && !isUnknownField) ? "transient" : "refused";
}
