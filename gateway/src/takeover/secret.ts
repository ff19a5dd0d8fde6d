import { createHash, timingSafeEqual } from "node:crypto";

/** 192 bits. */
const SECRET_BYTES = 24;

/** Random bytes that nobody can guess. */
export type RandomBytes = (count: number) => Buffer;

export function newSecret(randomBytes: RandomBytes): string {
  return randomBytes(SECRET_BYTES).toString("base64url");
}

/** Names the pod, so that whoever is shown it knows whom to ask. */
export function newSession(podUid: string, randomBytes: RandomBytes): string {
  return `${podUid}.${newSecret(randomBytes)}`;
}

/** How the bus names all pods at once: no pod is called so. */
const EVERYBODY = "all";

/** Undefined for a name that no pod gave. */
export function podOfSession(session: string): string | undefined {
  const podUid = /^([^\s:]{1,200})\.[\w-]+$/.exec(session)?.[1];
  return podUid === EVERYBODY ? undefined : podUid;
}

/** Takes equally long however much of it is right. */
export function isSameSecret(given: string, expected: string | undefined): boolean {
  return expected !== undefined && timingSafeEqual(digest(given), digest(expected));
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
