/** Whether what is read of a version of a dataset or model is compared with what was sealed: told with every answer of it. */
import type { CopyRow } from "../../../store/spending/data/copies.ts";

export const INTEGRITY_HEADER = "remotegpu-integrity";
export const INTEGRITIES = ["checked", "unchecked"] as const;
type Integrity = (typeof INTEGRITIES)[number];

/** What was sealed before there were trees of parts, or by an agent that makes none, is not. */
export function integrityOf({ status, merkleRoot }: Pick<CopyRow, "status" | "merkleRoot">): Integrity {
  return status === "ready" && merkleRoot !== null ? "checked" : "unchecked";
}
