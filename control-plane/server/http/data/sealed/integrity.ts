/** Whether what is read of a version of a dataset or model is compared with what was sealed: told with every answer of it. */
import type { CopyRow } from "../../../store/spending/data/copies.ts";

export const INTEGRITY_HEADER = "remotegpu-integrity";
export const INTEGRITIES = ["checked", "unchecked"] as const;
type Integrity = (typeof INTEGRITIES)[number];

/**
 * Of one read of a version that is checked. A part of a long file is compared with sums that its owner has not vouched for,
 * unless the root is theirs; a whole file with its owner's own checksum.
 */
export function integrityOfRead(
  { isRootOfOwner }: Pick<CopyRow, "isRootOfOwner">,
  { isPart }: { isPart: boolean },
): Integrity {
  return isPart && !isRootOfOwner ? "unchecked" : "checked";
}

/** What was sealed before there were trees of parts, or by an agent that makes none, is not. */
export function integrityOf({ status, merkleRoot }: Pick<CopyRow, "status" | "merkleRoot">): Integrity {
  return status === "ready" && merkleRoot !== null ? "checked" : "unchecked";
}
