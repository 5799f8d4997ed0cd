/** Links within a tree, by their words: what they lead to through other links is for whoever follows them. */

/** @param link the steps of its own path, from the top of the tree */
export function staysBelow(link: readonly string[], target: string): boolean {
  if (target.startsWith("/") || target === "") return false;
  let depth = link.length - 1;
  for (const step of stepsOf(target)) {
    depth += step === ".." ? -1 : 1;
    if (depth < 0) return false;
  }
  return true;
}

export function stepsOf(path: string): string[] {
  return path.split("/").filter((step) => step !== "" && step !== ".");
}
