/** What a drill sees of the agent that runs on a state folder, from outside. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { RunId } from "@remotegpu/shared/values/ids";
import { ACCESS_FILE, readLeases } from "../../access/store/lease-store.ts";
import type { DrillSight } from "../../core/drill/drill-sight.ts";
import { monotonicMs } from "../../host/clock.ts";
import { readHealth } from "../../host/health-file.ts";
import { readJournal, UnreadableJournalError } from "../../journal/journal-reading.ts";
import { checkJournal } from "../doctor/journal-checks.ts";

/** @throws NoJournalError */
export function drillSight(stateDir: string, canary: RunId): DrillSight {
  return {
    nowMs: monotonicMs(),
    wallMs: Date.now(),
    health: readHealth(stateDir),
    ...journalSight(stateDir, canary),
    leases: leasesText(stateDir),
  };
}

/** A journal that cannot be read at all is a broken one. */
function journalSight(stateDir: string, canary: RunId): Pick<DrillSight, "canary" | "journal"> {
  try {
    return readJournal(stateDir, (reading) => {
      const { runs, intervals } = reading.state();
      const meta = reading.meta();
      const broken = checkJournal(reading).filter(({ state }) => state !== "well");
      return {
        canary: {
          hasEnded: runs.find(({ runId }) => runId === canary)?.end != null,
          meteredToMs: intervals.find(({ runId }) => runId === canary)?.endMs ?? null,
        },
        journal: {
          headSeq: meta.head_seq,
          confirmedSeq: meta.watermark,
          broken: broken.map(({ check }) => check),
        },
      };
    });
  } catch (error) {
    if (!(error instanceof UnreadableJournalError)) throw error;
    return {
      canary: { hasEnded: false, meteredToMs: null },
      journal: { headSeq: 0, confirmedSeq: 0, broken: ["journal-file-is-whole"] },
    };
  }
}

function leasesText(stateDir: string): string {
  if (!existsSync(join(stateDir, ACCESS_FILE))) return "";
  const { leases, damaged } = readLeases(stateDir);
  const held = leases.filter(({ releasedMs }) => releasedMs === null);
  const ports = held.map(({ leaseId, externalPort }) => `${leaseId} ${externalPort}`).sort();
  return JSON.stringify([ports, damaged]);
}
