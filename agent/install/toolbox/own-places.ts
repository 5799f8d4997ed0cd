/**
 * Names of files that a library has written into it, exchanged for names in the toolbox: the only changes to what
 * Debian built, beside where programs look for their libraries.
 */

/** @throws where the library does not have each name exactly once, or a new one is longer. */
export function withOwnPlaces(library: Buffer, names: Readonly<Record<string, string>>): Buffer {
  const changed = Buffer.from(library);
  for (const [name, own] of Object.entries(names)) {
    if (own.length > name.length) throw new Error(`${own} is longer than ${name}`);
    const before = Buffer.from(`${name}\0`, "latin1");
    const at = library.indexOf(before);
    if (at === -1 || library.indexOf(before, at + 1) !== -1)
      throw new Error(`${name} is not there exactly once`);
    changed.fill(0, at, at + before.length);
    changed.write(own, at, "latin1");
  }
  return changed;
}
