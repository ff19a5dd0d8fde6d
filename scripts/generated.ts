/** A file that `npm run gen` writes, with its path from the repository's root. */
export interface Generated {
  readonly path: string;
  readonly text: string;
}
