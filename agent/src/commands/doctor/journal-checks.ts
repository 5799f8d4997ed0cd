/** What the journal's file says about itself: is it whole, is its chain, and do its rows cover the runs as they must? */
import { type ChainFault, type ChainPlace, placeAfter, walkChain } from "@remotegpu/shared/proof/chain-walk";
import { type Check, type CheckResult, type Finding, resultOf } from "@remotegpu/shared/doctor";
import { readEntry } from "@remotegpu/shared/proof/journal-row";
import { RunCover, type CoverFault } from "../../core/metering/run-cover.ts";
import type { DamagedEntry, JournalMeta, JournalReading } from "../../journal/journal-reading.ts";

/** Findings listed of each check. */
const MAX_LISTED = 20;

const CHECKS = {
  file: {
    check: "journal-file-is-whole",
    claim: "The journal's file is a whole database with the tables of this version.",
  },
  chain: {
    check: "rows-are-chained",
    claim: "Every usage row is there, none left out, and each follows the one before, up to the head.",
  },
  watermark: {
    check: "watermark-within-rows",
    claim: "What the control plane has confirmed lies between what was forgotten and the head.",
  },
  state: {
    check: "state-is-intact",
    claim: "Orders, runs, open intervals and counts are as they were written.",
  },
  cover: {
    check: "runs-are-covered-once",
    claim:
      "Each run's rows and open interval cover its time in order: nothing twice, and no hole without a reason.",
  },
} as const satisfies Record<string, Check>;

export const JOURNAL_CHECKS: readonly Check[] = Object.values(CHECKS);

/** All of one moment. */
export function checkJournal(reading: JournalReading): CheckResult[] {
  const meta = reading.meta();
  const { damaged, intervals } = reading.state();
  const rows = walkRows(reading, meta);
  const complaint = reading.complaint();
  return [
    listed(CHECKS.file, complaint === null ? [] : [fileFinding(complaint)]),
    listed(CHECKS.chain, rows.chain),
    listed(CHECKS.watermark, watermarkFindings(meta)),
    listed(CHECKS.state, damaged.map(damagedFinding)),
    listed(CHECKS.cover, [...rows.cover, ...rows.covered.fits(intervals).map(coverFinding)]),
  ];
}

export function listed(check: Check, findings: readonly Finding[]): CheckResult {
  return resultOf(check, { count: findings.length, findings: findings.slice(0, MAX_LISTED) });
}

function walkRows(reading: JournalReading, meta: JournalMeta) {
  const covered = new RunCover();
  const chain: Finding[] = [];
  const cover: Finding[] = [];
  let place: ChainPlace = placeAfter(meta.base_seq, meta.base_hash);
  for (const page of reading.pages()) {
    const beyondBase = page.filter(({ seq }) => seq > meta.base_seq);
    const walked = walkChain(meta.journal_id, place, beyondBase);
    chain.push(...walked.faults.map(chainFinding));
    place = walked.end;
    for (const { seq, entry } of beyondBase) {
      const known = readEntry(entry);
      // What cannot be read, or only by a later version, counts like a lost row: it may have been any run's.
      const isRead = known !== null && known.kind !== "later";
      const read = isRead ? known : { kind: "lost" as const, reason: "unreadable" };
      cover.push(...covered.take(seq, read).map(coverFinding));
    }
  }
  return { chain: [...chain, ...headFindings(meta, place)], cover, covered };
}

function headFindings({ head_seq: head, head_hash: hash }: JournalMeta, end: ChainPlace): Finding[] {
  if (end.seq < head) return [chainFinding({ kind: "missing", firstSeq: end.seq + 1, lastSeq: head })];
  if (end.seq === head && (end.hashes === null || end.hashes.includes(hash))) return [];
  return [
    {
      finding: "head-differs",
      subject: { head, last_row: end.seq },
      sentence:
        "The head is not the last row with its hash: one of the two was changed. At its next start the agent takes the last row that hangs together.",
    },
  ];
}

function chainFinding(fault: ChainFault): Finding {
  switch (fault.kind) {
    case "missing":
      return {
        finding: "rows-missing",
        subject: { first_seq: fault.firstSeq, last_seq: fault.lastSeq },
        sentence:
          "These rows were written and are not there. Unless they are confirmed, the agent puts rows in their place that say they were lost.",
      };
    case "unreadable":
      return {
        finding: "row-unreadable",
        subject: { seq: fault.seq },
        sentence:
          "What is stored is no journal row any more. Unless it is confirmed, the agent tells it as lost.",
      };
    case "does-not-follow":
      return {
        finding: "row-does-not-follow",
        subject: { seq: fault.seq },
        sentence:
          "Its content or hash is not what was chained after the row before. The agent mends the hash where its neighbours vouch for it, and tells the row as lost else.",
      };
  }
}

function fileFinding(complaint: string): Finding {
  return {
    finding: "file-damaged",
    subject: {},
    sentence: `${complaint}. At its next start the agent sets the file aside, begins a new one and takes its containers over from their labels; keep the old file for what was not confirmed.`,
  };
}

function watermarkFindings({ watermark, base_seq: base, head_seq: head }: JournalMeta): Finding[] {
  if (base <= watermark && watermark <= head) return [];
  return [
    {
      finding: "watermark-outside",
      subject: { watermark, base, head },
      sentence:
        watermark > head
          ? "More is confirmed than was ever written: the file is an old copy of itself. The agent goes on under a new journal id."
          : "Rows were forgotten that nobody confirmed.",
    },
  ];
}

const LOSS_OF: Record<DamagedEntry["table"], string> = {
  desired:
    "At its next start the agent drops it and asks for the whole set again; its container runs on meanwhile.",
  desired_leases:
    "At its next start the agent drops it and asks for the whole set again; its port is held meanwhile.",
  desired_fetches: "At its next start the agent drops it and asks for the whole set again.",
  pulled_images:
    "At its next start the agent drops it: the image is pulled once more before an order may have it, and is not removed.",
  runs: "At its next start the agent drops it and takes the container over from its labels.",
  intervals:
    "At its next start the agent drops it: time since the run's last row that nothing proves is free.",
  contact: "The time without contact is counted anew, which stops nothing too early.",
  orphans: "The grace of orphans is counted anew, which removes nothing too early.",
};

function damagedFinding({ table, key }: DamagedEntry): Finding {
  return {
    finding: "entry-damaged",
    subject: { table, key },
    sentence: `Its bytes are not what was written. ${LOSS_OF[table]}`,
  };
}

function coverFinding(fault: CoverFault): Finding {
  const { runId: run, seq } = fault;
  switch (fault.kind) {
    case "after-final":
      return {
        finding: "run-goes-on-after-its-end",
        subject: { run, seq },
        sentence:
          "Its last row was written, and more came after it. That time is claimed and belongs to nobody.",
      };
    case "overlap":
      return {
        finding: "time-claimed-twice",
        subject: { run, seq, from_ms: fault.fromMs, to_ms: fault.toMs },
        sentence: "Two rows claim this stretch of the boot's clock. The control plane counts it once.",
      };
    case "hole":
      return {
        finding: "time-not-covered",
        subject: { run, seq, from_ms: fault.fromMs, to_ms: fault.toMs },
        sentence:
          "The run was alive where the hole begins, and no row says that it ended there: this time is lost.",
      };
  }
}
