/**
 * Names of hosts that lead, or may lead, where no customer may send a host of ours: addresses in any spelling, the host
 * itself, and names that mean something on inner networks only. Where other names lead, resolving them shows. Pure.
 */

/** Ends of names that no public server has, and that lead somewhere else on every network. */
const INNER = new Set([
  "localhost",
  "localdomain",
  "local",
  "internal",
  "intranet",
  "private",
  "corp",
  "home",
  "lan",
  "arpa",
  "test",
  "invalid",
]);
const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
/** What resolvers take for a part of an address, in whichever base: with such an end the whole name is one. */
const NUMBER = /^(\d+|0x[0-9a-f]*)$/;

/** True as well for what is no name at all. */
export function isInnerName(host: string): boolean {
  const labels = host.toLowerCase().split(".");
  const last = labels.at(-1) ?? "";
  return (
    labels.length === 1 || NUMBER.test(last) || INNER.has(last) || !labels.every((label) => LABEL.test(label))
  );
}
