/** Sections of inboxes that the API server must refuse. */
export const invalidInboxes: readonly { readonly title: string; readonly spec: unknown; readonly refusal: string }[] = [
  {
    title: "an inbox for nothing",
    spec: { inbox: { size: 0 } },
    refusal: "spec.inbox.size in body should be greater than or equal to 1",
  },
  {
    title: "an inbox that is kept for ever",
    spec: { inbox: { ttlSeconds: 31_536_001 } },
    refusal: "spec.inbox.ttlSeconds in body should be less than or equal to 31536000",
  },
  {
    title: "a namespace of inboxes where there are none",
    spec: { namespaces: [{ name: "inbox", inbox: true }] },
    refusal: "inbox must be enabled where a namespace has inbox",
  },
  {
    title: "channels without a prefix as inboxes that are turned off",
    spec: { inbox: { enabled: false }, unprefixed: { inbox: true } },
    refusal: "inbox must be enabled where a namespace has inbox",
  },
  {
    title: "an inbox with a history",
    spec: { inbox: {}, namespaces: [{ name: "inbox", inbox: true, history: { size: 1, ttlSeconds: 1 } }] },
    refusal: "inbox goes with none of history",
  },
];
