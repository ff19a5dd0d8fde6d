import { expect, test } from "vitest";
import { isSealed, sealed, withoutHelm } from "./gen-manifests.ts";

test("a sealed file is known again, and nothing else is", () => {
  const text = sealed(["chart", "v1"], "kind: A\n");
  expect(isSealed(["chart", "v1"], text)).toBe(true);
  expect(isSealed(["chart", "v2"], text)).toBe(false);
  expect(isSealed(["chart", "v1"], `${text}# by hand\n`)).toBe(false);
  expect(isSealed(["chart", "v1"], "")).toBe(false);
});

test("what only a release has is left out", () => {
  const rendered = [
    "# Source: belay/templates/x.yaml",
    "metadata:",
    "  labels:",
    "    app.kubernetes.io/name: belay",
    "    app.kubernetes.io/managed-by: Helm",
    "    helm.sh/chart: belay-0.1.0",
  ];
  expect(withoutHelm(rendered.join("\n"))).toBe("metadata:\n  labels:\n    app.kubernetes.io/name: belay");
});
