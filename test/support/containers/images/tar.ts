/** A tar archive with one file, as a layer of an image is one. */

const BLOCK = 512;
const NAME = { at: 0, length: 100 };
const CHECKSUM = { at: 148, length: 8 };

export function tarOf(name: string, content: Buffer): Buffer {
  const header = Buffer.alloc(BLOCK);
  header.write(name, NAME.at, NAME.length);
  for (const [at, value, digits] of [
    [100, 0o644, 7],
    [108, 0, 7],
    [116, 0, 7],
    [124, content.length, 11],
    [136, 0, 11],
  ] as const)
    header.write(value.toString(8).padStart(digits, "0"), at);
  header.write("0", 156);
  header.write("ustar\u000000", 257);
  // The sum is taken with blanks in its own place.
  header.fill(" ", CHECKSUM.at, CHECKSUM.at + CHECKSUM.length);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\u0000 `, CHECKSUM.at);
  const padding = Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK);
  return Buffer.concat([header, content, padding, Buffer.alloc(2 * BLOCK)]);
}
