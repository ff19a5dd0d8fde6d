import type { TraceEvent } from "./trace.ts";

/** What a trace adds up to. */
export interface Tally {
  /** Connections that were established; those of moves and resumes included. */
  readonly connections: number;
  /** Of them, those that went on where another one was. */
  readonly continued: number;
  readonly gaps: number;
  readonly resets: number;
  readonly framesIn: number;
  readonly framesOut: number;
  /** From opening to the connect reply, of the newest connection. */
  readonly connectMs?: number;
  /** From a command to its reply, of the newest one. */
  readonly replyMs?: number;
  /** When commands without a reply left, by connection and id. */
  readonly unanswered: ReadonlyMap<string, number>;
}

export const EMPTY_TALLY: Tally = {
  connections: 0,
  continued: 0,
  gaps: 0,
  resets: 0,
  framesIn: 0,
  framesOut: 0,
  unanswered: new Map(),
};

/** Replies that never come are forgotten behind so many. */
const MAX_UNANSWERED = 1000;

export function tallied(before: Tally, event: TraceEvent): Tally {
  if (event.type === "frame") return event.direction === "out" ? left(before, event) : arrived(before, event);
  if (event.type === "gap") return { ...before, gaps: before.gaps + 1 };
  if (event.type === "reset") return { ...before, resets: before.resets + 1 };
  if (event.type !== "established") return before;
  const continued = before.continued + (event.isContinued ? 1 : 0);
  return { ...before, connections: before.connections + 1, continued, connectMs: event.tookMs };
}

type FrameEvent = Extract<TraceEvent, { readonly type: "frame" }>;

function left(before: Tally, event: FrameEvent): Tally {
  const unanswered = new Map(before.unanswered);
  for (const id of idsOf(event)) unanswered.set(id, event.atMs);
  for (const id of unanswered.keys()) {
    if (unanswered.size <= MAX_UNANSWERED) break;
    unanswered.delete(id);
  }
  return { ...before, framesOut: before.framesOut + 1, unanswered };
}

function arrived(before: Tally, event: FrameEvent): Tally {
  const unanswered = new Map(before.unanswered);
  let { replyMs } = before;
  for (const id of idsOf(event)) {
    const sentMs = unanswered.get(id);
    if (sentMs !== undefined) replyMs = event.atMs - sentMs;
    unanswered.delete(id);
  }
  return { ...before, framesIn: before.framesIn + 1, unanswered, ...(replyMs !== undefined && { replyMs }) };
}

/** Ids of a frame's commands or replies; those of Protobuf are not looked for. */
function idsOf({ frame, link }: FrameEvent): readonly string[] {
  if (typeof frame !== "string") return [];
  return Array.from(frame.matchAll(/^\{"id":(\d+),/gm), ([, id = ""]) => `${link}:${id}`);
}
