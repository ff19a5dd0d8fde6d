import { expect, test } from "vitest";
import type { History, StoredPublication } from "../broker/broker.ts";
import type { Namespace } from "../channels/namespace.ts";
import type { PastRequest } from "../hub/recent-history.ts";
import { type Catchup, readCatchup } from "./catchup.ts";

const SINCE = { offset: 1, epoch: "e" };

/** What a client that knows offset 1 is told of a channel with `count` newer publications. */
async function catchUp(count: number, bytes: number): Promise<{ readonly catchup: Catchup; readonly asked: unknown }> {
  let asked: PastRequest | undefined;
  const read = (request: PastRequest): Promise<History> => {
    asked = request;
    const publications = Array.from({ length: count }, (_, index) => stored(index + 2, bytes));
    return Promise.resolve({
      position: { offset: 1 + count, epoch: "e" },
      publications: publications.slice(0, request.maxCount),
    });
  };
  const request = {
    namespace: { recoveryMode: "stream" } as Namespace,
    wants: { recover: true, ...SINCE },
    isPositioned: true,
    isRecoverable: true,
    showsPlaces: false,
    maxBytes: 10_000,
  };
  return { catchup: await readCatchup(request, read), asked };
}

function stored(offset: number, bytes: number): StoredPublication {
  return { offset, timeMs: 0, data: Buffer.alloc(bytes) };
}

test("[SUB13] as many publications as recovery gives are filled in, and no more are read", async () => {
  const { catchup, asked } = await catchUp(300, 10);
  expect(catchup).toMatchObject({ recovered: true, position: { offset: 301 } });
  expect(catchup.publications).toHaveLength(300);
  expect(asked).toMatchObject({ want: SINCE, maxCount: 300 });
});

test.for([
  ["one publication too many", 301, 10],
  ["too many bytes", 100, 101],
] as const)("[SUB13] with %s nothing is filled in", async ([, count, bytes]) => {
  const { catchup } = await catchUp(count, bytes);
  expect(catchup).toEqual({ recovered: false, publications: [], position: { offset: 1 + count, epoch: "e" } });
});

test.for([
  [true, { position: { offset: 7, epoch: "e" }, publications: [], recovered: false }],
  [false, { publications: [], recovered: false }],
] as const)("[PLC1] without a history only who sees places is told its own (%s)", async ([showsPlaces, told]) => {
  const request = {
    namespace: {} as Namespace,
    wants: { recover: true, ...SINCE },
    isPositioned: false,
    isRecoverable: false,
    showsPlaces,
    maxBytes: 10_000,
  };
  const history = { position: { offset: 7, epoch: "e" }, publications: [] };
  expect(await readCatchup(request, () => Promise.resolve(history))).toEqual(told);
});
