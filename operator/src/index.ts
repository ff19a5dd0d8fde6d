export * from "./kube/kube-client.ts";
