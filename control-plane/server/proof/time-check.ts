/**
 * Which time do the rows of a proof prove? Each claim is judged again by the rule that ingest judges by, in the order in
 * which the rows came, and what is accepted is united. Whether the rows are the host's is chain-check.ts's to say.
 */
import { atUtc, type ProvenTime, totalMs, union } from "../core/billing/proven-time.ts";
import { type BootZero, checkClaim } from "../core/ingest/usage-check.ts";
import { waivedTime } from "../core/billing/waived-time.ts";
import type { OwnRow, ProofDocument } from "./proof-document.ts";

/** More separate stretches than a run has; a file that holds more is judged no further. */
const MAX_STRETCHES = 5_000;

export interface CheckedTime {
  readonly faults: readonly string[];
  readonly proven: ProvenTime;
  readonly waived: ProvenTime;
}

export function checkTime(proof: ProofDocument): CheckedTime {
  const { run } = proof;
  const faults: string[] = [];
  const boots = new Map<string, BootZero>(
    proof.boots.map((boot) => [
      boot.boot_id,
      { utcAtZeroMs: Date.parse(boot.utc_at_zero), measuredAtMs: Date.parse(boot.measured_at) },
    ]),
  );
  let proven: ProvenTime = [];
  for (const { row, name } of inOrderOfArrival(proof)) {
    const judged = judge(row, { proof, boots, proven });
    if (judged.fault !== null) faults.push(`${name} ${judged.fault}`);
    proven = union([...proven, ...judged.adds]);
    if (proven.length > MAX_STRETCHES) {
      faults.push(`run ${run.id} has more than ${MAX_STRETCHES} separate stretches of time`);
      break;
    }
  }
  if (totalMs(proven) !== run.proven_ms)
    faults.push(
      `run ${run.id} is said to have ${run.proven_ms} ms, and its rows prove ${totalMs(proven)} ms`,
    );
  const first = proven[0] === undefined ? null : proven[0].fromMs;
  if (first !== (run.first_proven_at === null ? null : Date.parse(run.first_proven_at)))
    faults.push(`run ${run.id} does not begin at ${run.first_proven_at ?? "no moment"}, as is said`);
  return { faults, proven, waived: waivedOf(proof) };
}

function inOrderOfArrival(proof: ProofDocument): { row: OwnRow; name: string }[] {
  const rows = proof.segments.flatMap((segment) =>
    segment.rows.flatMap((row) =>
      row.kind === "own" ? [{ row, name: `row ${row.seq} of journal ${segment.journal_id}` }] : [],
    ),
  );
  return rows.sort((a, b) => Date.parse(a.row.received_at) - Date.parse(b.row.received_at));
}

function judge(
  { entry, verdict, reason, excess_ms: excessMs, received_at: receivedAt }: OwnRow,
  {
    proof: { run },
    boots,
    proven,
  }: { proof: ProofDocument; boots: ReadonlyMap<string, BootZero>; proven: ProvenTime },
): { fault: string | null; adds: ProvenTime } {
  if (entry.runId !== run.id) return { fault: `is of another run, ${entry.runId}`, adds: [] };
  if (verdict === "quarantined") return { fault: null, adds: [] };
  const boot = boots.get(entry.bootId) ?? null;
  const receivedAtMs = Date.parse(receivedAt);
  const closedAtMs = run.closed_at === null ? Infinity : Date.parse(run.closed_at);
  const claim = checkClaim(entry, {
    hostId: run.host_id,
    run: {
      hostId: run.host_id,
      instanceId: run.instance_id,
      placementEpoch: run.placement_epoch,
      orderedAtMs: Date.parse(run.ordered_at),
      closedAtMs: closedAtMs < receivedAtMs ? closedAtMs : null,
      proven,
    },
    boot,
    receivedAtMs,
  });
  if (claim.verdict === "quarantined")
    return { fault: `was accepted, and what it claims is not possible: ${claim.reason}`, adds: [] };
  const excess = claim.verdict === "accepted-in-part" ? claim.excessMs : null;
  const fault =
    excess === excessMs && (excess === null) === (reason === null)
      ? null
      : `claims ${excess ?? 0} ms more than was possible, and ${excessMs ?? 0} ms were set aside`;
  // Unproven time is free.
  const counts = entry.proof !== "unproven" && boot !== null;
  return { fault, adds: counts ? atUtc([claim.accepted], boot.utcAtZeroMs) : [] };
}

function waivedOf({ run, waivers }: ProofDocument): ProvenTime {
  return waivedTime(
    run.waive_from === null ? null : Date.parse(run.waive_from),
    waivers.map(({ from_at, to_at }) => ({
      fromMs: Date.parse(from_at),
      toMs: to_at === null ? Infinity : Date.parse(to_at),
    })),
  );
}
