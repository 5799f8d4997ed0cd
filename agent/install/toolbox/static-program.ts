/** Whether a program runs in every image: without a loader, which would read what the image says about libraries. */

const PROGRAM_HEADER_INTERPRETER = 3;

/** A 64-bit little-endian ELF file without an interpreter segment. */
export function isStaticProgram(file: Buffer): boolean {
  if (file.length < 64 || file.readUInt32BE(0) !== 0x7f454c46 || file[4] !== 2 || file[5] !== 1) return false;
  const tableAt = Number(file.readBigUInt64LE(32));
  const entryBytes = file.readUInt16LE(54);
  const entries = file.readUInt16LE(56);
  if (tableAt + entries * entryBytes > file.length) return false;
  for (let index = 0; index < entries; index += 1) {
    if (file.readUInt32LE(tableAt + index * entryBytes) === PROGRAM_HEADER_INTERPRETER) return false;
  }
  return true;
}
