/**
 * A connection that goes from one pod to another. Pure: events in, a new state and what is to be done out.
 *
 * The side that it leaves:
 *
 *   here ──secret shown──► taken ──committed──► released
 *    │ ▲                    │ ▲
 *    │ └──still its own── reclaiming ──another's──► released
 *    └─socket lost─► held ──time over──► ended
 *
 * The side that it comes to:
 *
 *   asking ► reserving ► opening ► delivering ──moved──► committing ──► owned
 *     └──────────┴──────────┴──────────┴── refused, socket lost, too late ──► over
 *
 * The registry decides who owns it, by one conditional step on one key; everything here only follows.
 */

/** How a socket ended: lost without a word, closed by its client, or closed because somebody decided so. */
export type SocketEnd = "lost" | "closed" | "ordered";

type Link = "open" | "lost" | "closed";

export type Departure =
  /** On a socket of this pod. `isOffered`: a secret to leave with is out. */
  | { readonly state: "here"; readonly isOffered: boolean }
  /** Its socket was lost; its place is kept for a while. */
  | { readonly state: "held"; readonly isOffered: boolean }
  /** Another pod has the snapshot. Nothing changes here before it is known what came of it. */
  | { readonly state: "taken"; readonly takeover: string; readonly link: Link }
  /** The registry is asked whose it is. */
  | { readonly state: "reclaiming"; readonly takeover: string; readonly link: Link }
  | { readonly state: "released"; readonly link: Link }
  | { readonly state: "ended" };

export type DepartureEvent =
  | { readonly kind: "offer" | "withdraw" | "overdue" | "superseded" }
  /** Somebody showed a secret: the one of the offer, the one for a lost socket, or none of them. */
  | { readonly kind: "presented"; readonly secret: "offer" | "resume" | "unknown"; readonly takeover: string }
  | { readonly kind: "committed" | "aborted"; readonly takeover: string }
  | { readonly kind: "reclaimed"; readonly outcome: ReclaimOutcome }
  | { readonly kind: "ended"; readonly how: SocketEnd; readonly mayResume: boolean };

/** `gone`: the one who had it next does not have it any more, or Redis lost it. */
type ReclaimOutcome = "mine" | "another's" | "gone" | "unknown";

export type DepartureEffect =
  /** Hold commands that change subscriptions, and answer with the snapshot. */
  | "give"
  | "refuse"
  /** Carry out what was held back. */
  | "thaw"
  /** Keep entry and presence without a socket. */
  | "hold"
  /** Remove entry and presence, and tell others that it left. */
  | "remove"
  /** Forget entry and presence without touching either: they are another pod's. */
  | "letGo"
  | "reclaim"
  | "closeSocket"
  | { readonly timer: "take" | "hold" | "retry" | "linger" | "tombstone" | "none" };

interface Step<S, E> {
  readonly state: S;
  readonly effects: readonly E[];
}

type DepartureStep = Step<Departure, DepartureEffect>;

export const HERE: Departure = { state: "here", isOffered: false };
const ENDED: Departure = { state: "ended" };
const NO_TIMER: DepartureEffect = { timer: "none" };

type DepartureRule<K> = (state: Departure, event: Extract<DepartureEvent, { readonly kind: K }>) => DepartureStep;

const DEPARTURE_RULES: { readonly [K in DepartureEvent["kind"]]: DepartureRule<K> } = {
  offer: (state) => offered(state, true),
  withdraw: (state) => offered(state, false),
  presented,
  committed: (state, { takeover }) => (isAbout(state, takeover) ? released(state.link) : same(state)),
  aborted: (state, { takeover }) =>
    state.state === "taken" && isAbout(state, takeover) ? reclaiming(state) : same(state),
  reclaimed: (state, { outcome }) => (state.state === "reclaiming" ? reclaimed(state, outcome) : same(state)),
  overdue,
  superseded,
  ended: (state, { how, mayResume }) => (how === "ordered" ? ordered(state) : ended(state, how, mayResume)),
};

export function depart(state: Departure, event: DepartureEvent): DepartureStep {
  const rule = DEPARTURE_RULES[event.kind] as DepartureRule<DepartureEvent["kind"]>;
  return rule(state, event);
}

function same(state: Departure): DepartureStep {
  return { state, effects: [] };
}

type Leaving = Extract<Departure, { readonly takeover: string }>;

function isAbout(state: Departure, takeover: string): state is Leaving {
  return (state.state === "taken" || state.state === "reclaiming") && state.takeover === takeover;
}

function offered(state: Departure, isOffered: boolean): DepartureStep {
  return state.state === "here" || state.state === "held" ? same({ ...state, isOffered }) : same(state);
}

/** A secret counts once, and one for a lost socket only when the socket was lost. */
function presented(state: Departure, { secret, takeover }: DepartureEvent & { kind: "presented" }): DepartureStep {
  const isAccepted =
    (state.state === "held" && secret === "resume") ||
    ((state.state === "here" || state.state === "held") && state.isOffered && secret === "offer");
  if (!isAccepted) return { state, effects: ["refuse"] };
  const link = state.state === "here" ? "open" : "lost";
  return { state: { state: "taken", takeover, link }, effects: [{ timer: "take" }, "give"] };
}

function reclaiming({ takeover, link }: Leaving): DepartureStep {
  return { state: { state: "reclaiming", takeover, link }, effects: [NO_TIMER, "reclaim"] };
}

function reclaimed(state: Leaving, outcome: ReclaimOutcome): DepartureStep {
  if (outcome === "unknown") return { state, effects: [{ timer: "retry" }] };
  if (outcome === "another's") return released(state.link);
  // Whoever ended it elsewhere meant it: its client has to come anew.
  if (outcome === "gone") {
    return { state: ENDED, effects: [NO_TIMER, state.link === "open" ? "closeSocket" : "remove"] };
  }
  if (state.link === "open") return { state: HERE, effects: [NO_TIMER, "thaw"] };
  if (state.link === "lost") return { state: { state: "held", isOffered: false }, effects: [{ timer: "hold" }] };
  return { state: ENDED, effects: [NO_TIMER, "remove"] };
}

/** The client is told last, where it does not go by itself. Orders that were on their way are handed on a while longer. */
function released(link: Link): DepartureStep {
  return {
    state: { state: "released", link },
    effects: [{ timer: link === "open" ? "linger" : "tombstone" }, "letGo"],
  };
}

function overdue(state: Departure): DepartureStep {
  switch (state.state) {
    case "held":
      return { state: ENDED, effects: [NO_TIMER, "remove"] };
    case "taken":
    case "reclaiming":
      return reclaiming(state);
    case "released":
      return state.link === "open"
        ? { state, effects: [NO_TIMER, "closeSocket"] }
        : { state: ENDED, effects: [NO_TIMER] };
    case "here":
    case "ended":
      return same(state);
  }
}

/** The registry has another owner, whoever told it. */
function superseded(state: Departure): DepartureStep {
  if (state.state === "released" || state.state === "ended") return same(state);
  const link = state.state === "here" ? "open" : state.state === "held" ? "lost" : state.link;
  const step = released(link);
  return link === "open" ? { ...step, effects: [...step.effects, "closeSocket"] } : step;
}

/** Somebody decided that the client goes: nothing is kept for it. */
function ordered(state: Departure): DepartureStep {
  if (state.state === "ended") return same(state);
  if (state.state === "released") {
    return { state: { ...state, link: "closed" }, effects: state.link === "open" ? [{ timer: "tombstone" }] : [] };
  }
  return { state: ENDED, effects: [NO_TIMER, "remove"] };
}

function ended(state: Departure, how: "lost" | "closed", mayResume: boolean): DepartureStep {
  switch (state.state) {
    case "here":
      if (how === "closed" || !mayResume) return ordered(state);
      return { state: { state: "held", isOffered: state.isOffered }, effects: [{ timer: "hold" }, "hold"] };
    case "taken":
    case "reclaiming":
      // A client that was told that it moved closes the old socket before this pod is told.
      return { state: { ...state, link: linkAfter(how, mayResume) }, effects: state.link === "open" ? ["hold"] : [] };
    case "released":
      return ordered(state);
    case "held":
    case "ended":
      return same(state);
  }
}

function linkAfter(how: SocketEnd, mayResume: boolean): Link {
  return how === "lost" && mayResume ? "lost" : "closed";
}

/** `handover`: the old socket is there until the client says that it moved. `resume`: it was lost. */
type ArrivalKind = "handover" | "resume";

export type Arrival =
  | { readonly state: "asking" | "reserving" | "opening" | "delivering"; readonly kind: ArrivalKind }
  | { readonly state: "committing"; readonly kind: ArrivalKind; readonly isHere: boolean }
  | { readonly state: "owned" | "over" };

export type ArrivalEvent =
  | { readonly kind: "answered"; readonly snapshot: ArrivalKind | "refused" | "silent" }
  | { readonly kind: "reserved"; readonly outcome: "mine" | "another's" | "unknown" }
  | { readonly kind: "opened" | "moved" | "ended" | "overdue" }
  | { readonly kind: "committed"; readonly outcome: CommitOutcome };

/** `taken` from the former owner; `added`: nobody had it any more; `lost`: another pod has it. */
type CommitOutcome = "taken" | "added" | "lost" | "unknown";

export type ArrivalEffect =
  | "reserve"
  | "open"
  /** Answer connect: the client goes on here. */
  | "accept"
  /** The client is connected like any other. */
  | "beginFresh"
  | "commit"
  | "tellCommitted"
  | "tellAborted"
  | "release"
  /** The members are this pod's; others are told that it came where they were told that it had gone. */
  | "takePresence"
  | "join"
  | "answerMoved"
  | "refuseMoved"
  | "closeSocket"
  /** Owned, and nobody there: the entry goes, and others are told. */
  | "leave";

type ArrivalStep = Step<Arrival, ArrivalEffect>;

export const ASKING: Arrival = { state: "asking", kind: "handover" };
const OVER: Arrival = { state: "over" };
const OWNED: Arrival = { state: "owned" };

type ArrivalRule<K> = (state: Arrival, event: Extract<ArrivalEvent, { readonly kind: K }>) => ArrivalStep;

const ARRIVAL_RULES: { readonly [K in ArrivalEvent["kind"]]: ArrivalRule<K> } = {
  answered: (state, { snapshot }) => (state.state === "asking" ? answered(snapshot) : nothing(state)),
  reserved: (state, { outcome }) => (state.state === "reserving" ? reserved(state.kind, outcome) : nothing(state)),
  opened: (state) => (state.state === "opening" ? opened(state.kind) : nothing(state)),
  moved,
  committed: (state, { outcome }) => (state.state === "committing" ? committed(state, outcome) : nothing(state)),
  ended: arrivalEnded,
  overdue: (state) =>
    state.state === "delivering" ? { state: OVER, effects: ["release", "tellAborted", "closeSocket"] } : nothing(state),
};

export function arrive(state: Arrival, event: ArrivalEvent): ArrivalStep {
  const rule = ARRIVAL_RULES[event.kind] as ArrivalRule<ArrivalEvent["kind"]>;
  return rule(state, event);
}

function nothing(state: Arrival): ArrivalStep {
  return { state, effects: [] };
}

function answered(snapshot: ArrivalKind | "refused" | "silent"): ArrivalStep {
  if (snapshot === "refused") return { state: OVER, effects: ["beginFresh"] };
  // It may have answered, and the answer was lost: it must not wait for what never comes.
  if (snapshot === "silent") return { state: OVER, effects: ["tellAborted", "beginFresh"] };
  return { state: { state: "reserving", kind: snapshot }, effects: ["reserve"] };
}

function reserved(kind: ArrivalKind, outcome: "mine" | "another's" | "unknown"): ArrivalStep {
  if (outcome === "mine") return { state: { state: "opening", kind }, effects: ["open"] };
  const release: readonly ArrivalEffect[] = outcome === "unknown" ? ["release"] : [];
  return { state: OVER, effects: [...release, "tellAborted", "beginFresh"] };
}

function opened(kind: ArrivalKind): ArrivalStep {
  return kind === "handover"
    ? { state: { state: "delivering", kind }, effects: ["accept"] }
    : { state: { state: "committing", kind, isHere: true }, effects: ["commit"] };
}

function moved(state: Arrival): ArrivalStep {
  if (state.state === "owned") return { state, effects: ["answerMoved"] };
  if (state.state === "over") return { state, effects: ["refuseMoved"] };
  if (state.state !== "delivering") return { state, effects: [] };
  return { state: { state: "committing", kind: state.kind, isHere: true }, effects: ["commit"] };
}

function committed({ kind, isHere }: Arrival & { state: "committing" }, outcome: CommitOutcome): ArrivalStep {
  if (outcome === "lost") return { state: OVER, effects: ["tellAborted", ...afterLoss(kind, isHere)] };
  // It may be this pod's by now: asked again until that is known.
  if (outcome === "unknown") return { state: { state: "committing", kind, isHere }, effects: ["commit"] };
  if (!isHere) return { state: OVER, effects: ["tellCommitted", "takePresence", "leave"] };
  const join: readonly ArrivalEffect[] = outcome === "added" ? ["join"] : [];
  const last: ArrivalEffect = kind === "handover" ? "answerMoved" : "accept";
  return { state: OWNED, effects: ["tellCommitted", "takePresence", ...join, last] };
}

function afterLoss(kind: ArrivalKind, isHere: boolean): readonly ArrivalEffect[] {
  if (!isHere) return [];
  return kind === "handover" ? ["refuseMoved", "closeSocket"] : ["beginFresh"];
}

function arrivalEnded(state: Arrival): ArrivalStep {
  switch (state.state) {
    case "asking":
      return { state: OVER, effects: ["tellAborted"] };
    case "reserving":
    case "opening":
    case "delivering":
      return { state: OVER, effects: ["release", "tellAborted"] };
    case "committing":
      return { state: { ...state, isHere: false }, effects: [] };
    case "owned":
    case "over":
      return { state, effects: [] };
  }
}
