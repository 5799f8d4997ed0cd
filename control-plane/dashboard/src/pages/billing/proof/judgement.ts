/** What the page is told of a proof: whether it holds, what does not, and how its sums come about. */
import { PROOF_FORMAT, ProofDocument } from "@remotegpu/control-plane/server/proof/proof-document";
import { verifyBill } from "@remotegpu/control-plane/server/proof/verify-bill";
import { BROWSER } from "./browser-cryptography.ts";

/** One record as it was worked out. */
export interface WorkedSum {
  id: number;
  line: string;
  quantity: string;
  minutes: number;
  unitPrice: string;
  unit: string;
  amount: string;
}

export type Judgement =
  | { kind: "none"; why: "json" | "format" | "failed"; detail: string }
  | {
      kind: "judged";
      faults: readonly string[];
      notes: readonly string[];
      statement: string;
      recordId: number;
      runId: string;
      sums: readonly WorkedSum[];
    };

export function judge(text: string): Judgement {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return { kind: "none", why: "json", detail: "" };
  }
  const parsed = ProofDocument.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const detail = `${PROOF_FORMAT}: ${issue?.path.join(".")}: ${issue?.message}`;
    return { kind: "none", why: "format", detail };
  }
  const { records, record_id: recordId, run } = parsed.data;
  const sums = records.map((record) => ({
    id: record.id,
    line: record.line,
    quantity: record.quantity,
    minutes: record.billing_minutes,
    unitPrice: record.unit_price,
    unit: record.billing_unit,
    amount: record.amount,
  }));
  return { kind: "judged", ...verifyBill(parsed.data, BROWSER), recordId, runId: run.id, sums };
}
