import { chmod, copyFile, mkdir, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { run } from "./command.ts";

/** Shared libraries in the output of ldd: the file of each line, and the program loader, which has a line of its own form. Pure. */
export function librariesOf(lddOutput: string): readonly string[] {
  return lddOutput.split("\n").flatMap((line) => /(?:=> |^\s*)(\/\S+) \(0x/.exec(line)?.[1] ?? []);
}

/** A root directory with programs of this machine, everything they link to, and the few files that a libc looks for. */
export async function makeRootfs(dir: string, programs: Readonly<Record<string, string>>): Promise<void> {
  await rm(dir, { recursive: true, force: true });
  const files = new Map(Object.entries(programs));
  for (const program of Object.values(programs)) {
    for (const library of librariesOf(await run(["ldd", program]))) files.set(library, library);
  }
  for (const [inside, from] of files) {
    await mkdir(dirname(`${dir}${inside}`), { recursive: true });
    await copyFile(from, `${dir}${inside}`);
    await chmod(`${dir}${inside}`, 0o755);
  }
  await mkdir(`${dir}/etc`, { recursive: true });
  await writeFile(`${dir}/etc/passwd`, "root:x:0:0:root:/:/sbin/nologin\nbelay:x:65532:65532:belay:/:/sbin/nologin\n");
  await writeFile(`${dir}/etc/group`, "root:x:0:\nbelay:x:65532:\n");
  await writeFile(`${dir}/etc/nsswitch.conf`, "hosts: files dns\n");
  for (const [path, mode] of [
    ["tmp", 0o1777],
    ["data", 0o777],
  ] as const) {
    await mkdir(`${dir}/${path}`);
    await chmod(`${dir}/${path}`, mode);
  }
}
