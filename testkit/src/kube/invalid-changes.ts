/** Changes to an accepted object that must be refused: [what it was, what it is to become, refusal]. */
export const invalidChanges: readonly {
  readonly title: string;
  readonly from: unknown;
  readonly to: unknown;
  readonly refusal: string;
}[] = [
  {
    title: "persistence added later",
    from: { redis: { type: "managed" } },
    to: { redis: { type: "managed", persistence: { size: "1Gi" } } },
    refusal: "redis.persistence cannot be added or removed later",
  },
  {
    title: "persistence of another size",
    from: { redis: { type: "managed", persistence: { size: "1Gi" } } },
    to: { redis: { type: "managed", persistence: { size: "2Gi" } } },
    refusal: "redis.persistence cannot be changed later",
  },
  {
    title: "one Redis that is to become three",
    from: {},
    to: { redis: { type: "managed", mode: "sentinel" } },
    refusal: "redis.mode cannot be changed later",
  },
  {
    title: "three Redis that are to become one",
    from: { redis: { type: "managed", mode: "sentinel" } },
    to: { redis: { type: "managed", mode: "standalone" } },
    refusal: "redis.mode cannot be changed later",
  },
];
