/** Sections of hooks that the API server must refuse. */
export const invalidHooks: readonly { readonly title: string; readonly spec: unknown; readonly refusal: string }[] = [
  {
    title: "a hook without a URL",
    spec: { hooks: { connect: { timeoutMs: 100 } } },
    refusal: "spec.hooks.connect.url: Required value",
  },
  {
    title: "a hook at an address of another kind",
    spec: { hooks: { rpc: { url: "grpc://shop:80" } } },
    refusal: "spec.hooks.rpc.url in body should match",
  },
  {
    title: "a header that says where the request goes",
    spec: { hooks: { connect: { url: "http://shop", headers: ["Cookie", "Host"] } } },
    refusal: "must be a header that a client may set, such as Cookie",
  },
];
