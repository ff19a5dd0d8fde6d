/** The field `belay` in JSON. What stands in it beside known extensions is for other servers, and ignored. */
import type {
  ConnectExtensions,
  ContinuedSession,
  ExtensionPush,
  GrantedExtensions,
  HandoverRequest,
  HandoverResult,
} from "./extensions.ts";
import { entriesOf, FieldProblem, type Fields, flagOf, integerOf, isFields, objectOf, textOf } from "./json-fields.ts";
import { CONTINUATION_RULE, MAX_POSITIONS, MAX_SESSION_LENGTH } from "./limits.ts";
import type { StreamPosition } from "./stream-position.ts";

/** Undefined where nothing is asked for. */
export function connectExtensions(body: Fields): ConnectExtensions | undefined {
  const belay = objectOf(body, "belay");
  if (belay === undefined) return undefined;
  const inbox = objectOf(belay, "inbox");
  const handover = objectOf(belay, "handover");
  const asked = {
    ...(inbox !== undefined && { inbox: { group: textOf(inbox, "group"), ...positionOf(inbox) } }),
    ...(handover !== undefined && { handover: handoverRequest(handover) }),
    ...(flagOf(belay, "keys") && { keys: true }),
    ...(flagOf(belay, "window") && { window: true }),
  };
  return Object.keys(asked).length === 0 ? undefined : asked;
}

function handoverRequest(handover: Fields): HandoverRequest {
  const session = textOf(handover, "session");
  const secret = textOf(handover, "secret");
  const positions = entriesOf(handover, "positions", (value) => {
    if (!isFields(value)) throw new FieldProblem("positions", "an object of objects");
    return positionOf(value);
  });
  if (session === "" && secret === "") return {};
  const continued = { session, secret, positions };
  if (!isBounded(continued)) throw new FieldProblem("handover", CONTINUATION_RULE);
  return { continued };
}

function isBounded({ session, secret, positions }: ContinuedSession): boolean {
  return session.length <= MAX_SESSION_LENGTH && secret.length <= MAX_SESSION_LENGTH && positions.size <= MAX_POSITIONS;
}

function positionOf(body: Fields): StreamPosition {
  return { epoch: textOf(body, "epoch"), offset: integerOf(body, "offset") };
}

/** Undefined where the publication carries no key. */
export function publishKey(body: Fields): string | undefined {
  const key = textOf(objectOf(body, "belay") ?? {}, "key");
  return key === "" ? undefined : key;
}

/** JSON text of what is granted; undefined where nothing is. */
export function grantedExtensions(granted: GrantedExtensions | undefined): string | undefined {
  if (granted === undefined) return undefined;
  const { handover, ...rest } = granted;
  const others = JSON.stringify(rest).slice(1, -1);
  const shown = handover === undefined ? [] : [`"handover":${handoverResult(handover)}`];
  return `{${[...(others === "" ? [] : [others]), ...shown].join(",")}}`;
}

function handoverResult({ moved, ...rest }: HandoverResult): string {
  const head = JSON.stringify(rest);
  if (moved === undefined) return head;
  const places = [...moved].map(([channel, { epoch, offset }]) => {
    return `${JSON.stringify(channel)}:${JSON.stringify({ epoch, offset })}`;
  });
  return `${head.slice(0, -1)},"moved":{${places.join(",")}}}`;
}

/** JSON text of the push. */
export function extensionPush(push: ExtensionPush): string {
  const { kind, ...content } = push;
  return JSON.stringify({ belay: { [kind]: content } });
}
