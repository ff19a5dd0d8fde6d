import { expect, test } from "vitest";
import { anchors, forbidden, linkProblems, links, ruleIds, ruleProblems, titleIds, wordProblems } from "./doc-rules.ts";

const page = (text: string, path = "docs/page.md") => ({ path, text });
const isThere = (path: string) => path !== "docs/gone.md";

test("a rule is a list item or a row that begins with its id", () => {
  expect(
    ruleIds(
      "- **SUB1** First.\n- **SUB2** Second,\n  see **SUB3** too.\nNot **SUB4** here.\n| SUB5 | Row. |\n| A SUB6 | none |\n",
    ),
  ).toEqual(["SUB1", "SUB2", "SUB5"]);
});

test("a title begins with one id or several", () => {
  const source = ['test("[SUB1] a", f);', "test.each(rows)(`[SUB2] [ORD1] $name`, f);", 'test("not [SUB3]", f);'];
  expect(titleIds(source.join("\n"))).toEqual(["SUB1", "SUB2", "ORD1"]);
});

test("a rule without a test, a test without a rule, a rule laid down twice", () => {
  const documents = [page("- **A1** x\n- **A2** y\n", "a.md"), page("- **A2** z\n", "b.md")];
  const tests = [page('test("[A2] y", f); test("[A3] z", f);', "x.test.ts")];
  expect(ruleProblems(documents, tests)).toEqual([
    "b.md: A2 is already a rule of a.md",
    "a.md: no test's title begins with [A1]",
    "x.test.ts: [A3] is no rule of any document",
  ]);
});

test("links to files are resolved from their page; other links and code are left alone", () => {
  const text =
    "[a](../README.md) [b](sub/x.md#two-words) [c](#here) [d](https://x.example/) `[e](none.md)`\n```\n[f](no)\n```\n";
  expect(links(page(text)).map(({ path, anchor }) => [path, anchor])).toEqual([
    ["README.md", ""],
    ["docs/sub/x.md", "two-words"],
    ["docs/page.md", "here"],
  ]);
});

test("headings become anchors as on GitHub", () => {
  const text = "# One, `two` & three\n## Same\n## Same\n```\n# not a heading\n```\n### [Linked](x.md) 4.2\n";
  expect([...anchors(text)]).toEqual(["one-two--three", "same", "same-1", "linked-42"]);
});

test("a lost file and a lost heading are named", () => {
  expect(linkProblems([page("[a](gone.md) [b](there.md#no) [c](there.md#yes)")], isThere, () => "# Yes")).toEqual([
    "docs/page.md: gone.md is not there",
    "docs/page.md: there.md#no has no such heading",
  ]);
});

test.each([
  ["see /home/anna/belay/README.md", 1],
  ['"resolved": "https://r.example/a.tgz"', 1],
  ["https://registry.npmjs.org/ws", 1],
  ["GOPROXY=https://proxy.golang.org", 1],
  ["mkdir -p ~/.cache/belay && ls /homework/x /var/home", 0],
])("%j holds %i forbidden words", (line, count) => {
  expect(wordProblems([page(`first\n${line}`)], forbidden)).toHaveLength(count);
});

test("a forbidden word is named with its line", () => {
  expect(wordProblems([page("a\nb /home/x/y")], forbidden)).toEqual(["docs/page.md:2: a person's home directory"]);
});
