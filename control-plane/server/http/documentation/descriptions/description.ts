/** One entry of the lists: what a field means, and a value that it may have. */

export type Description = readonly [says: string, example?: unknown];
export type Descriptions = Readonly<Record<string, Description>>;
