import type { Publication, SubscribeRequest } from "@belay/protocol";
import type { History, Position, StoredPublication } from "../broker/broker.ts";
import type { Namespace } from "../channels/namespace.ts";
import { toPublication } from "../hub/client-info.ts";
import type { PastRequest } from "../hub/recent-history.ts";
import { recover, recoverLatest } from "../hub/recovery.ts";

/** What a new subscriber is told of the channel's past. */
export interface Catchup {
  /** Where the subscriber stands; absent where it is not told. */
  readonly position?: Position;
  /** Present where it asked to recover. */
  readonly recovered?: boolean;
  readonly publications: readonly Publication[];
}

export interface CatchupRequest {
  readonly namespace: Namespace;
  readonly wants: SubscribeRequest;
  readonly isPositioned: boolean;
  readonly isRecoverable: boolean;
  /** It is told where it stands also where it does not count on it (E1). */
  readonly showsPlaces: boolean;
  /** Most bytes of data to fill in: a reply that a connection may not hold would end it, again with every attempt. */
  readonly maxBytes: number;
}

/** Most publications to fill in: who missed more does better to load its state anew. */
const MAX_RECOVERED_PUBLICATIONS = 300;

const UNBOUNDED = { maxCount: MAX_RECOVERED_PUBLICATIONS, maxBytes: Number.POSITIVE_INFINITY };

/** Asks for a part of the channel's past; rejects with BrokerUnavailableError. */
export type ReadPast = (request: PastRequest) => Promise<History>;

/** Reads the position and what was missed since the one that the client names. Rejects with BrokerUnavailableError. */
export async function readCatchup(request: CatchupRequest, read: ReadPast): Promise<Catchup> {
  const { wants, isPositioned, isRecoverable, showsPlaces } = request;
  if (wants.recover === true && isRecoverable) return readMissed(request, read);
  const nothing = { publications: [], ...(wants.recover === true && { recovered: false }) };
  if (!isPositioned && !showsPlaces) return nothing;
  const { position } = await read({ want: "position", ...UNBOUNDED });
  return { position, ...nothing };
}

async function readMissed({ wants, namespace, maxBytes }: CatchupRequest, read: ReadPast): Promise<Catchup> {
  const since: Position = { offset: wants.offset ?? 0, epoch: wants.epoch ?? "" };
  if (namespace.recoveryMode === "cache") return readLatest(since, read);
  const history = await read({ want: since, maxCount: MAX_RECOVERED_PUBLICATIONS, maxBytes });
  const { recovered, publications } = recover(history, since);
  if (bytesOf(publications) > maxBytes) return { position: history.position, recovered: false, publications: [] };
  return { position: history.position, recovered, publications: publications.map((stored) => toPublication(stored)) };
}

/** Only the newest publication counts: a client that has it needs nothing, any other gets it. */
async function readLatest(since: Position, read: ReadPast): Promise<Catchup> {
  const history = await read({ want: "latest", ...UNBOUNDED });
  const { recovered, publications } = recoverLatest(history, since.epoch === "" ? undefined : since);
  return { position: history.position, recovered, publications: publications.map((stored) => toPublication(stored)) };
}

function bytesOf(publications: readonly StoredPublication[]): number {
  return publications.reduce((sum, { data, info }) => sum + data.length + (info?.length ?? 0), 0);
}
