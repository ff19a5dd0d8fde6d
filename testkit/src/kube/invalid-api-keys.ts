/** Keys of the server API that the API server must refuse. */
export const invalidApiKeys: readonly { readonly title: string; readonly spec: unknown; readonly refusal: string }[] = [
  {
    title: "an API key for an unknown method",
    spec: { api: { keys: [{ name: "a", secretRef: { name: "a" }, methods: ["dance"] }] } },
    refusal: "spec.api.keys[0].methods[0]: Unsupported value",
  },
  {
    title: "two API keys of one name",
    spec: { api: { keys: [1, 2].map(() => ({ name: "a", secretRef: { name: "a" } })) } },
    refusal: "api.keys must have different names",
  },
];
