import { expect, test } from "vitest";
import { librariesOf } from "./rootfs.ts";

test("libraries and the loader of a dynamic program; not the kernel's page", () => {
  const output = [
    "\tlinux-vdso.so.1 (0x00007ffd)",
    "\tlibdl.so.2 => /lib/x86_64-linux-gnu/libdl.so.2 (0x00007f1)",
    "\tlibstdc++.so.6 => /lib/x86_64-linux-gnu/libstdc++.so.6 (0x00007f2)",
    "\t/lib64/ld-linux-x86-64.so.2 (0x00007f3)",
  ].join("\n");
  expect(librariesOf(output)).toEqual([
    "/lib/x86_64-linux-gnu/libdl.so.2",
    "/lib/x86_64-linux-gnu/libstdc++.so.6",
    "/lib64/ld-linux-x86-64.so.2",
  ]);
});

test("a static program has none", () => {
  expect(librariesOf("\tstatically linked")).toEqual([]);
});
