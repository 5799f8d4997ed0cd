/**
 * Judges the proof of a bill as anybody can who has the file: chains and signatures, proven time, prices, amounts and
 * ledger, each by the code that made them. It asks no server, and says what a file can and cannot prove.
 */
import { formatPoints } from "@remotegpu/shared/values/money";
import { checkChains, type Cryptography } from "./chain-check.ts";
import { checkCharges } from "./charge-check.ts";
import { checkLedger } from "./ledger-check.ts";
import { checkPayer } from "./payer-check.ts";
import { checkPostings } from "./posting-check.ts";
import { checkPrices } from "./price-check.ts";
import type { ProofDocument } from "./proof-document.ts";
import { checkTime } from "./time-check.ts";

export interface VerifiedBill {
  /** What does not hold, each naming its row, record or signature; none where all holds. */
  readonly faults: readonly string[];
  /** What holds and whoever reads the bill should know. */
  readonly notes: readonly string[];
  /** What was verified, and what no file can prove. */
  readonly statement: string;
}

export function verifyBill(proof: ProofDocument, cryptography: Cryptography): VerifiedBill {
  const chains = checkChains(proof, cryptography);
  const time = checkTime(proof);
  const postings = checkPostings(proof);
  const charges = checkCharges(proof, time, postings.posted);
  const faults = [
    ...chains.faults,
    ...time.faults,
    ...checkPrices(proof),
    ...postings.faults,
    ...charges.faults,
    ...checkLedger(proof),
    ...checkPayer(proof),
    ...(proof.records.some((record) => record.id === proof.record_id)
      ? []
      : [`record ${proof.record_id}, which the proof is of, is not here`]),
  ];
  const notes = [...charges.notes, ...notesOn(proof, chains.untied)];
  const amount = postings.posted.reduce((sum, share) => sum + share.amount, 0n);
  return { faults, notes, statement: statementOf(proof, { ...chains, charges, amount }) };
}

function notesOn(proof: ProofDocument, untied: number): string[] {
  const aside = proof.set_aside.length;
  // A run that its customer stopped has a moment from which nothing is charged, though nothing came after it.
  const waived = proof.run.waived_ms > 0 ? reasonsOf(proof) : [];
  return [
    ...(untied > 0
      ? [
          `${counted(untied, "row")} without a signed head: the content of a row between is lost, so there the host's signature is not shown`,
        ]
      : []),
    ...(aside > 0 ? [`${counted(aside, "claim")} of the host, in part or whole, set aside and free`] : []),
    ...(waived.length > 0
      ? [
          `why time was not charged (${counted(waived.length, "reason")}: ${[...new Set(waived)].join(", ")}) is in the file and is not judged`,
        ]
      : []),
  ];
}

/** By the names of their rules. */
function reasonsOf({ waivers, run }: ProofDocument): string[] {
  const ofStop = run.waive_from === null ? [] : [run.waive_reason ?? "unnamed"];
  return [...waivers.map(({ reason }) => reason), ...ofStop];
}

function statementOf(
  { run, records, ledger }: ProofDocument,
  of: {
    signed: number;
    heads: number;
    charges: { rated: { minutes: number; provenMs: number; waivedMs: number } | null };
    amount: bigint;
  },
): string {
  const { rated } = of.charges;
  const time =
    rated === null
      ? ""
      : ` ${rated.provenMs} ms proven, ${rated.waivedMs} ms of them not charged, make ${counted(rated.minutes, "minute")};`;
  return (
    `Verified of run ${run.id}: ${counted(of.signed, "row")} up to ${counted(of.heads, "head")} signed by host ` +
    `${run.host_id};${time} ${counted(records.length, "record")} at its prices, ${formatPoints(of.amount)} in sum, ` +
    `as ${counted(ledger.length, "ledger transaction")} took, all from customer ${run.customer_id}. ` +
    `Not proven: that the host measured truly, that its keys, the starts of its clocks, the catalogue and the reasons ` +
    `for waived time are the ones that were, that ${payerClaim(run)}, and that nothing was left out.`
  );
}

/** By which the payer was chosen: the control plane's word, of which no host knows. */
function payerClaim({ customer_id: payer, workspace_id: workspace }: ProofDocument["run"]): string {
  const due = workspace === null ? "gave the order" : `owned workspace ${workspace} when the run began`;
  return `customer ${payer} ${due} and so had to pay`;
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
