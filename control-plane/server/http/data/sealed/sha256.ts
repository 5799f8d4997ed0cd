/** SHA-256 for the pure trees of shared. */
import { createHash } from "node:crypto";
import type { Hash } from "@remotegpu/shared/proof/merkle-tree";

export const sha256: Hash = (...parts) => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
};
