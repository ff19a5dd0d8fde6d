/** What `npm run docs:check` finds in texts. Pure: texts in, findings out. */

/** A file with its path from the repository's root. */
export interface Text {
  readonly path: string;
  readonly text: string;
}

const definition = /^(?:- \*\*|\| )([A-Z]+\d+)(?:\*\*| \|) /gm;
const title = /["'`]((?:\[[A-Z]+\d+\] ?)+)/g;

/** Ids of the rules that a document lays down: lines that begin with `- **SUB3** ` or `| SUB3 | `. */
export function ruleIds(markdown: string): readonly string[] {
  return [...markdown.matchAll(definition)].map(([, id = ""]) => id);
}

/** Ids with which titles of a test file begin: `[SUB3] …` or `[SUB3] [ORD1] …`. */
export function titleIds(source: string): readonly string[] {
  return [...source.matchAll(title)].flatMap(([, ids = ""]) => [...ids.matchAll(/[A-Z]+\d+/g)].map(([id]) => id));
}

/** Every rule is laid down once and has a test; every id in a title is a rule. */
export function ruleProblems(documents: readonly Text[], tests: readonly Text[]): readonly string[] {
  const rules = new Map<string, string>();
  const problems: string[] = [];
  for (const { path, text } of documents) {
    for (const id of ruleIds(text)) {
      if (rules.has(id)) problems.push(`${path}: ${id} is already a rule of ${rules.get(id) ?? ""}`);
      rules.set(id, path);
    }
  }
  const tested = new Set(tests.flatMap(({ text }) => titleIds(text)));
  for (const [id, path] of rules) if (!tested.has(id)) problems.push(`${path}: no test's title begins with [${id}]`);
  for (const { path, text } of tests) {
    for (const id of new Set(titleIds(text)))
      if (!rules.has(id)) problems.push(`${path}: [${id}] is no rule of any document`);
  }
  return problems;
}

export interface Link {
  readonly path: string;
  /** Without `#`; empty for the top of the page. */
  readonly anchor: string;
  readonly target: string;
}

function withoutCode(markdown: string): string {
  return markdown.replaceAll(/^```.*?^```/gms, "").replaceAll(/`[^`\n]*`/g, "");
}

/** Links to files of this repository, as written in `path`. */
export function links({ path, text }: Text): readonly Link[] {
  return [...withoutCode(text).matchAll(/\]\(<?([^)\s>]+)>?(?: "[^"]*")?\)/g)]
    .map(([, target = ""]) => target)
    .filter((target) => !/^[a-z]+:/.test(target))
    .map((target) => {
      const [file = "", anchor = ""] = target.split("#", 2);
      return { path: file === "" ? path : joined(path, file), anchor, target };
    });
}

/** `file` as seen from the directory of `path`. */
function joined(path: string, file: string): string {
  return decodeURI(new URL(file, `file:///${path}`).pathname)
    .replace(/^\//, "")
    .replace(/\/$/, "");
}

/** Anchors of a page's headings, as GitHub makes them. */
export function anchors(markdown: string): ReadonlySet<string> {
  const seen = new Map<string, number>();
  const found = new Set<string>();
  for (const [, heading = ""] of markdown.replaceAll(/^```.*?^```/gms, "").matchAll(/^#{1,6} +(.+)$/gm)) {
    const text = heading
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1")
      .trim()
      .toLowerCase();
    const slug = text.replaceAll(/[^\p{L}\p{N} _-]/gu, "").replaceAll(" ", "-");
    const times = seen.get(slug) ?? 0;
    seen.set(slug, times + 1);
    found.add(times === 0 ? slug : `${slug}-${times}`);
  }
  return found;
}

/** `exists` answers for files and directories, `read` for pages that are there. */
export function linkProblems(
  pages: readonly Text[],
  exists: (path: string) => boolean,
  read: (path: string) => string,
): readonly string[] {
  return pages.flatMap((page) =>
    links(page).flatMap(({ path, anchor, target }) => {
      if (!exists(path)) return [`${page.path}: ${target} is not there`];
      const isLost = anchor !== "" && path.endsWith(".md") && !anchors(read(path)).has(anchor);
      return isLost ? [`${page.path}: ${target} has no such heading`] : [];
    }),
  );
}

export interface Forbidden {
  readonly pattern: RegExp;
  readonly why: string;
}

/** What belongs to one machine and not to the project. */
export const forbidden: readonly Forbidden[] = [
  { pattern: /(?<![\w.])\/(?:home|Users)\/[a-z][\w.-]*\//, why: "a person's home directory" },
  { pattern: /\bregistry\.npm[a-z]*\.org\b|\bregistry\.yarnpkg\b/, why: "a package registry's host" },
  { pattern: /"resolved": "https?:/, why: "a package registry's host in a lock file" },
  { pattern: /\bproxy\.golang\.org\b|\bgoproxy\.\w+\b/, why: "a module proxy's host" },
];

export function wordProblems(texts: readonly Text[], words: readonly Forbidden[]): readonly string[] {
  return texts.flatMap(({ path, text }) =>
    text
      .split("\n")
      .flatMap((line, index) =>
        words.filter(({ pattern }) => pattern.test(line)).map(({ why }) => `${path}:${index + 1}: ${why}`),
      ),
  );
}
