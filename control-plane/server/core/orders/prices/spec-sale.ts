/** Whether new orders may use a spec, and the sentence for those that may not, which names what they may use instead. */

/** Unpriced is one that is in the catalogue and has no price in force; unknown is one that nobody ever made. */
export type SpecStatus = "sold" | "retired" | "unpriced" | "unknown";

/** So many of a longer catalogue are named in a sentence. */
const MAX_NAMED = 20;

/**
 * Without a capital and a full stop.
 * @param sold names of the specs that new orders may use, in the order to name them
 */
export function unsoldSentence(
  spec: string,
  status: Exclude<SpecStatus, "sold">,
  sold: readonly string[],
): string {
  return `${whyUnsold(spec, status)}; ${alternatives(sold)}`;
}

function whyUnsold(spec: string, status: Exclude<SpecStatus, "sold">): string {
  switch (status) {
    case "retired":
      return `the spec ${spec} is retired, and no new order may use it`;
    case "unpriced":
      return `no price for the spec ${spec}`;
    case "unknown":
      return `there is no spec ${spec}`;
  }
}

function alternatives(sold: readonly string[]): string {
  if (sold.length === 0) return "no other is sold";
  const named = sold.slice(0, MAX_NAMED);
  const more = sold.length - named.length;
  const words = more === 0 ? named : [...named, `${more} more`];
  const last = words.at(-1) ?? "";
  return words.length === 1 ? `sold is ${last}` : `sold are ${words.slice(0, -1).join(", ")} and ${last}`;
}
