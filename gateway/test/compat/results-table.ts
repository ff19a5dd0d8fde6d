import type { Scenario } from "./scenario.ts";

const MARK = { begin: "<!-- results -->", end: "<!-- /results -->" } as const;

/** Outcomes by scenario, then by column. */
export type Results = ReadonlyMap<string, ReadonlyMap<string, string>>;

function row(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}

/** The page with its table made anew of what has just been seen. */
export function withResults(
  page: string,
  columns: readonly string[],
  scenarios: readonly Scenario[],
  results: Results,
): string {
  const lines = scenarios.map(({ name, shows }) => [
    `**${name}**: ${shows}`,
    ...columns.map((column) => results.get(name)?.get(column) ?? "failed"),
  ]);
  const heads = columns.map((column) => column.replace(" · ", "<br>"));
  const table = [["scenario", ...heads], ["---", ...columns.map(() => "---")], ...lines].map((cells) => row(cells));
  const [before = "", rest = ""] = page.split(MARK.begin, 2);
  const [, after = ""] = rest.split(MARK.end, 2);
  return `${before}${MARK.begin}\n\n${table.join("\n")}\n\n${MARK.end}${after}`;
}
