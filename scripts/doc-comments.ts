/** Reads what the sources' own comments say of fields and entries, so that a reference says the same. */
import { type Node, parseSync, type Program, type TSSignature, type TSType, Visitor } from "oxc-parser";
import type { Text } from "./doc-rules.ts";

export interface FieldDoc {
  /** Without markup of comments and without the mark. */
  readonly text: string;
  /** The comment, or one above it, carries the mark *hot*. */
  readonly isHot: boolean;
}

interface Interface {
  readonly members: readonly TSSignature[];
  readonly bases: readonly string[];
  readonly doc: string;
  readonly source: Source;
}

/** One parsed file and its comments, by the place where the next thing begins. */
class Source {
  readonly program: Program;
  readonly #docs = new Map<number, string>();

  constructor({ path, text }: Text) {
    const { program, comments, errors } = parseSync(path, text);
    if (errors.length > 0) throw new Error(`${path} does not parse`, { cause: errors });
    this.program = program;
    for (const { value, end } of comments) {
      if (!value.startsWith("*")) continue;
      const next = end + (/^\s*/.exec(text.slice(end))?.[0].length ?? 0);
      this.#docs.set(next, plain(value.slice(1)));
    }
  }

  docOf({ start }: { readonly start: number }): string {
    return this.#docs.get(start) ?? "";
  }
}

function plain(comment: string): string {
  return comment
    .split("\n")
    .map((line) => line.trim().replace(/^\*(?: |$)/, ""))
    .join(" ")
    .trim();
}

export class DocComments {
  readonly #sources: readonly Source[];
  readonly #interfaces = new Map<string, Interface>();

  constructor(files: readonly Text[]) {
    this.#sources = files.map((file) => new Source(file));
    for (const source of this.#sources) {
      for (const statement of source.program.body) {
        const declared = statement.type === "ExportNamedDeclaration" ? statement.declaration : statement;
        if (declared?.type !== "TSInterfaceDeclaration") continue;
        const bases = declared.extends.flatMap(({ expression }) =>
          expression.type === "Identifier" ? [expression.name] : [],
        );
        const { body: members } = declared.body;
        this.#interfaces.set(declared.id.name, { members, bases, doc: source.docOf(statement), source });
      }
    }
  }

  /** By path: `limits.maxMessageBytes`, `auth.keys[].file`. */
  fieldsOf(interfaceName: string): ReadonlyMap<string, FieldDoc> {
    const fields = new Map<string, FieldDoc>();
    this.#walkInterface(interfaceName, { path: "", isHot: false }, fields);
    return fields;
  }

  /** What stands above each entry of the object literal in a constant. */
  entriesOf(constant: string): ReadonlyMap<string, string> {
    const entries = new Map<string, string>();
    for (const source of this.#sources) {
      new Visitor({
        VariableDeclarator: ({ id, init }) => {
          if (id.type !== "Identifier" || id.name !== constant || init?.type !== "ObjectExpression") return;
          for (const property of init.properties) {
            if (property.type === "Property") entries.set(nameOf(property.key), source.docOf(property));
          }
        },
      }).visit(source.program);
    }
    return entries;
  }

  #walkInterface(name: string, place: Place, fields: Map<string, FieldDoc>): void {
    const found = this.#interfaces.get(name);
    if (found === undefined) return;
    const isHot = place.isHot || /^\*hot\*|is \*hot\*/.test(found.doc);
    for (const base of found.bases) this.#walkInterface(base, { ...place, isHot }, fields);
    this.#walkMembers(found.members, { ...place, isHot, source: found.source }, fields);
  }

  #walkMembers(members: readonly TSSignature[], place: PlaceInSource, fields: Map<string, FieldDoc>): void {
    for (const member of members) {
      if (member.type !== "TSPropertySignature" || member.typeAnnotation === null) continue;
      const doc = place.source.docOf(member);
      const path = place.path === "" ? nameOf(member.key) : `${place.path}.${nameOf(member.key)}`;
      const isHot = place.isHot || doc.includes("*hot*");
      fields.set(path, { text: doc.replaceAll("*hot* ", ""), isHot });
      this.#walkType(member.typeAnnotation.typeAnnotation, { ...place, path, isHot }, fields);
    }
  }

  #walkType(type: TSType, place: PlaceInSource, fields: Map<string, FieldDoc>): void {
    if (type.type === "TSTypeLiteral") this.#walkMembers(type.members, place, fields);
    if (type.type === "TSTypeOperator") this.#walkType(type.typeAnnotation, place, fields);
    if (type.type === "TSArrayType") this.#walkType(type.elementType, { ...place, path: `${place.path}[]` }, fields);
    if (type.type === "TSUnionType") for (const each of type.types) this.#walkType(each, place, fields);
    if (type.type === "TSIntersectionType") for (const each of type.types) this.#walkType(each, place, fields);
    if (type.type === "TSTypeReference" && type.typeName.type === "Identifier") {
      this.#walkInterface(type.typeName.name, place, fields);
    }
  }
}

interface Place {
  readonly path: string;
  readonly isHot: boolean;
}

type PlaceInSource = Place & { readonly source: Source };

function nameOf(key: Node): string {
  if (key.type === "Identifier") return key.name;
  if (key.type === "Literal") return String(key.value);
  throw new Error("a name in a documented object must be written out");
}
