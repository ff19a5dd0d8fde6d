import { expect, test } from "vitest";
import { kindCommands, kindConfig } from "./kind.ts";
import { pins } from "./pins.ts";

const place = { cluster: "test", kind: "/bin/kind", kubeconfig: "/c/test.conf" };

test("the configuration: one control plane, the workers asked for, and what the local provider sets as well", () => {
  const config = JSON.parse(kindConfig("test", 2)) as {
    nodes: readonly { role: string }[];
    kubeadmConfigPatches: readonly string[];
  };
  expect(config).toMatchObject({ kind: "Cluster", apiVersion: "kind.x-k8s.io/v1alpha4", name: "belay-test" });
  expect(config.nodes.map((node) => node.role)).toEqual(["control-plane", "worker", "worker"]);
  expect(JSON.parse(config.kubeadmConfigPatches[0] ?? "")).toMatchObject({
    kind: "ClusterConfiguration",
    apiServer: { extraArgs: { "enable-aggregator-routing": "true" } },
    controllerManager: { extraArgs: { "horizontal-pod-autoscaler-sync-period": "5s" } },
  });
});

test("create takes the configuration from its input and the node image by digest", () => {
  expect(kindCommands.create(place)).toEqual([
    "/bin/kind",
    "create",
    "cluster",
    "--name=belay-test",
    expect.stringMatching(/^--image=kindest\/node:v1\.34\.\d+@sha256:[0-9a-f]{64}$/),
    "--kubeconfig=/c/test.conf",
    "--config=-",
    "--wait=120s",
  ]);
});

test("no command names another cluster or the user's own kubeconfig", () => {
  for (const command of [kindCommands.create(place), kindCommands.remove(place), kindCommands.kubeconfig(place)]) {
    expect(command).toContain("--name=belay-test");
    expect(command).toContain("--kubeconfig=/c/test.conf");
  }
  expect(kindCommands.load(place, ["a:1", "b:2"])).toEqual([
    "/bin/kind",
    "load",
    "docker-image",
    "--name=belay-test",
    "a:1",
    "b:2",
  ]);
});

test("images are built from the project's own Dockerfiles on the pinned base", () => {
  expect(kindCommands.build("belay.local/gateway:1", "gateway")).toEqual([
    "docker",
    "build",
    "--quiet",
    `--build-arg=BASE=${pins.dockerBaseImage}`,
    "--tag=belay.local/gateway:1",
    "--file=gateway/Dockerfile",
    "gateway/dist/image",
  ]);
});

test("the API server goes away and comes back by its manifest; twice does no harm", () => {
  const away = kindCommands.moveApiServer("test", "away");
  expect(away.slice(0, 3)).toEqual(["docker", "exec", "belay-test-control-plane"]);
  expect(away.at(-1)).toBe(
    "test -e /etc/kubernetes/kube-apiserver.yaml || mv /etc/kubernetes/manifests/kube-apiserver.yaml /etc/kubernetes/kube-apiserver.yaml",
  );
  expect(kindCommands.moveApiServer("test", "back").at(-1)).toBe(
    "test -e /etc/kubernetes/manifests/kube-apiserver.yaml || mv /etc/kubernetes/kube-apiserver.yaml /etc/kubernetes/manifests/kube-apiserver.yaml",
  );
});
