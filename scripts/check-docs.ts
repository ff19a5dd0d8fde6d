/**
 * `npm run docs:check`: rules and tests name each other, links lead somewhere, and nothing speaks of the machine it was written on.
 * What it looks for is in doc-rules.ts.
 */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { type Forbidden, forbidden, linkProblems, ruleProblems, type Text, wordProblems } from "./doc-rules.ts";

const root = resolve(import.meta.dirname, "..");
const ruleDocuments = [
  "protocol/PROTOCOL.md",
  "docs/operator-rules.md",
  "docs/redis.md",
  "docs/sdk.md",
  "docs/sdk-transports.md",
  "docs/sdk-views.md",
  "docs/sdk-overlay.md",
  "docs/sdk-persistence.md",
  "docs/sdk-react.md",
  "docs/sdk-vue.md",
];
/** They hold the forbidden words themselves. */
const exempt = new Set(["scripts/doc-rules.ts", "scripts/doc-rules.test.ts"]);

/** What git holds or would hold. */
function projectFiles(): readonly string[] {
  const listed = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], { cwd: root });
  return listed
    .toString("utf8")
    .split("\0")
    .filter((path) => path !== "" && existsSync(join(root, path)));
}

function read(path: string): string {
  return readFileSync(join(root, path), "utf8");
}

/** This checkout's own path, where it is long enough to mean nothing else. */
function ownPath(): readonly Forbidden[] {
  if (root.split("/").length < 3) return [];
  return [{ pattern: new RegExp(`${RegExp.escape(root)}\\b`), why: "the path of somebody's checkout" }];
}

const texts: readonly Text[] = projectFiles()
  .map((path) => ({ path, text: read(path) }))
  .filter(({ text }) => !text.includes("\0"));
const pages = texts.filter(({ path }) => path.endsWith(".md"));
const documents = ruleDocuments.map((path) => ({ path, text: read(path) }));
const tests = texts.filter(({ path }) => !exempt.has(path) && /(\.test|^testkit\/src\/.*-contract)\.ts$/.test(path));

const problems = [
  ...ruleProblems(documents, tests),
  ...linkProblems(pages, (path) => existsSync(join(root, path)), read),
  ...wordProblems(
    texts.filter(({ path }) => !exempt.has(path)),
    [...forbidden, ...ownPath()],
  ),
];
for (const problem of problems) console.error(problem);
console.log(`docs: ${pages.length} pages, ${tests.length} test files, ${problems.length} problems`);
if (problems.length > 0) process.exitCode = 1;
