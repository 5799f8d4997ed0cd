/** Which of Debian's packages a set of packages of ours needs, as names for a tool that installs them. */

const OWN = /^remotegpu(-|$)/;

/** @param depends fields of Depends; of alternatives the first is taken */
export function debianPackagesOf(depends: readonly string[]): string[] {
  const names = depends
    .flatMap((field) => field.split(","))
    .map((one) => (one.split("|")[0] ?? "").replace(/\(.*\)/, "").trim())
    .filter((name) => name !== "" && !OWN.test(name));
  return [...new Set(names)].toSorted();
}
