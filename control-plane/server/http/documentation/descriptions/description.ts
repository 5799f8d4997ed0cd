/** One entry of the word lists: what a field says (empty where its zod schema does), and a value that it may have. */

export type Description = readonly [says: string, example?: unknown];
export type Descriptions = Readonly<Record<string, Description>>;
