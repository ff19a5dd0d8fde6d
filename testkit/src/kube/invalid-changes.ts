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
];
