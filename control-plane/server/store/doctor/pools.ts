/** Is every host in its storage pool by an administrator's word, and by a proof where it shares one? */
import { inEnglish } from "../../core/reasons/english/english.ts";
import type { Connection } from "../database/database.ts";
import { lackingMembers } from "../hosts/pools/pool-members.ts";
import { type Found, MAX_LISTED, type Question } from "./question.ts";

/** Beyond it they are not counted. */
const MAX_COUNTED = 1_000;

export const POOL_QUESTIONS: readonly Question[] = [
  {
    check: "storage-pools-are-proved",
    claim: "Every host is in its storage pool by an administrator's word, and proved where others share it.",
    request: whoLacks,
  },
];

async function whoLacks(sql: Connection, now: Date): Promise<Found> {
  const lacking = await lackingMembers(sql, { now, limit: MAX_COUNTED });
  return {
    count: lacking.length,
    findings: lacking.slice(0, MAX_LISTED).map(({ id, lacks, reason }) => ({
      finding: lacks === "word" ? "pool-unconfirmed" : "pool-not-proved",
      subject: { host: id },
      sentence: inEnglish(reason),
    })),
  };
}
