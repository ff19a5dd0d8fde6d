/** The door for tests: ports and parts that testkit and e2e drive. */
export * from "./clock.ts";
export * from "./kube/http-kube-client.ts";
export * from "./kube/kube-client.ts";
export * from "./kube/kube-connection.ts";
export * from "./kube/resources.ts";
export * from "./runtime/leader-elector.ts";
export * from "./runtime/reflector.ts";
export * from "./runtime/store.ts";
export * from "./runtime/work-queue.ts";
export * from "./runtime/controller.ts";
export * from "./runtime/guarded-client.ts";
export * from "./runtime/event-recorder.ts";
