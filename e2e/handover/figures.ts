import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

const PAGE = join(import.meta.dirname, "../../docs/handover.md");
const BEGIN = "<!-- figures -->";
const END = "<!-- /figures -->";

/** Writes a row of the table in docs/handover.md, in the place of the one with the same name, where BELAY_HANDOVER_FIGURES is set. */
export async function noteFigure(what: string, seen: string): Promise<void> {
  process.stdout.write(`${what}: ${seen}\n`);
  if (process.env["BELAY_HANDOVER_FIGURES"] === undefined) return;
  const page = await readFile(PAGE, "utf8");
  const [before = "", rest = ""] = page.split(BEGIN);
  const [table = "", after = ""] = rest.split(END);
  const rows = table
    .split("\n")
    .filter((line) => line.startsWith("| ") && !line.startsWith("| what") && !line.startsWith("| ---"));
  const others = rows.filter((row) => !row.startsWith(`| ${what} |`));
  const made = ["| what | seen |", "| --- | --- |", ...others, `| ${what} | ${seen} |`].join("\n");
  await writeFile(PAGE, `${before}${BEGIN}\n\n${made}\n\n${END}${after}`);
}
