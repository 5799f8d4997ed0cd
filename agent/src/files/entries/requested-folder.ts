/** The folder that a request names: any one below the pool's root but that of proofs, whichever links lead there. */
import { readlinkSync } from "node:fs";
import { sep } from "node:path";
import { isInPoolProofs, POOL_PROOF_FOLDER } from "@remotegpu/shared/proof/pool-proof";
import type { FileRequest } from "./file-request.ts";
import type { HeldEntry } from "./held-entry.ts";
import { FileRefusal } from "./refusal.ts";

/** Whoever gets it closes it. @throws FileRefusal, OpenError */
export function requestedFolder({ pool, folder }: Pick<FileRequest, "pool" | "folder">): HeldEntry {
  refuseReservedPath(folder);
  const held = pool.below(folder, { isFolder: true });
  try {
    refuseReserved(pool, held);
    return held;
  } catch (error) {
    held.close();
    throw error;
  }
}

/** Before anything is made there. @throws FileRefusal */
export function refuseReservedPath(folder: Uint8Array): void {
  if (isInPoolProofs(Buffer.from(folder).toString("latin1"))) throw reserved();
}

/** @param folder held already, so that it is what it is wherever its name leads by now. @throws FileRefusal */
export function refuseReserved(pool: HeldEntry, folder: HeldEntry): void {
  const root = readlinkSync(pool.path);
  const real = readlinkSync(folder.path);
  const proofs = `${root === sep ? "" : root}${sep}${POOL_PROOF_FOLDER}`;
  // From the pool itself a path within it would lead there.
  if (real === root || real === proofs || real.startsWith(proofs + sep)) throw reserved();
}

function reserved(): FileRefusal {
  return new FileRefusal("bad-path", "file-folder-reserved");
}
