/** One entry of the word lists: what a field says (empty where its zod schema does), and a value that it may have. */

export type Word = readonly [says: string, example?: unknown];
export type Words = Readonly<Record<string, Word>>;
