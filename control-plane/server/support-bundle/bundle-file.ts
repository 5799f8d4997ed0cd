/** Where a support bundle goes: a file that was not there, for its owner alone, or standard output. */
import { open, rm } from "node:fs/promises";
import { promisify } from "node:util";
import { gzip } from "node:zlib";

const OWNER_ONLY = 0o600;

/** @param to a path; `-`: standard output @throws what Node throws, such as EEXIST; nothing is left there then */
export async function writeBundle(to: string, archive: Uint8Array): Promise<void> {
  const packed = await promisify(gzip)(archive);
  if (to === "-") return await printed(packed);
  const file = await open(to, "wx", OWNER_ONLY);
  try {
    await file.writeFile(packed);
    await file.sync();
  } catch (error) {
    await rm(to, { force: true });
    throw error;
  } finally {
    await file.close();
  }
}

async function printed(packed: Buffer): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    process.stdout.write(packed, (error) => (error ? reject(error) : resolve()));
  });
}
