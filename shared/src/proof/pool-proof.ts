/**
 * How two hosts of a storage pool prove that they see one tree: what one was told to write into a folder of it the other
 * reads there. Pure.
 */

/** Right below the pool's root; no mount, listing, sample or path of anybody leads there. */
export const POOL_PROOF_FOLDER = ".remotegpu-pool";
/** What the files process of a host is asked. */
export const POOL_PROOF_ROUTE = "/pool-proof";
/** The name of a file there: random, 128 bits in base64url. */
export const POOL_PROOF_NAME = /^[A-Za-z0-9_-]{22}$/;
/** What it holds: 256 bits. */
export const POOL_NONCE_BYTES = 32;

/** Whether a path below the pool's root begins in that folder. */
export function isInPoolProofs(path: string): boolean {
  return path.split("/")[0] === POOL_PROOF_FOLDER;
}
