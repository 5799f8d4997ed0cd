/** Parts of texts, as people look for them: whatever they type stands for itself, in capitals or not. */

/** SQL that is true where the text `column` has that part; a pattern would make more of some characters. */
export function hasPart(column: string, part: string): string {
  return `strpos(lower(${column}), lower(${part}::text)) > 0`;
}
