/** Asks every question of the doctor, one after the other; each sees the database as it is at that moment. */
import type { CheckResult } from "@remotegpu/shared/doctor";
import type { Database } from "../database/database.ts";
import { HOST_QUESTIONS } from "./hosts.ts";
import { HOUR_QUESTIONS } from "./hours.ts";
import { JOURNAL_QUESTIONS } from "./journals.ts";
import { LEASE_QUESTIONS } from "./leases.ts";
import { MONEY_QUESTIONS } from "./money.ts";
import { PLACEMENT_QUESTIONS } from "./placements.ts";
import { POOL_QUESTIONS } from "./pools.ts";
import { answer } from "./question.ts";
import { REGISTRY_QUESTIONS } from "./registries.ts";
import { RIGHTS_QUESTIONS } from "./rights.ts";
import { RUN_QUESTIONS } from "./runs.ts";
import { STORAGE_QUESTIONS } from "./storage.ts";
import { WORKLOAD_QUESTIONS } from "./workloads.ts";

const QUESTIONS = [
  ...MONEY_QUESTIONS,
  ...RIGHTS_QUESTIONS,
  ...REGISTRY_QUESTIONS,
  ...HOST_QUESTIONS,
  ...RUN_QUESTIONS,
  ...STORAGE_QUESTIONS,
  ...JOURNAL_QUESTIONS,
  ...POOL_QUESTIONS,
  ...PLACEMENT_QUESTIONS,
  ...LEASE_QUESTIONS,
  ...WORKLOAD_QUESTIONS,
  ...HOUR_QUESTIONS,
];

/** Writes nothing. Beside running servers it disturbs nobody; on large tables it takes minutes. */
export async function examine(database: Database, now: Date): Promise<CheckResult[]> {
  const results: CheckResult[] = [];
  for await (const result of examineEach(database, now)) results.push(result);
  return results;
}

/** The same, each result as its check is made. */
export async function* examineEach(database: Database, now: Date): AsyncGenerator<CheckResult> {
  for (const question of QUESTIONS) yield await answer(database, question, now);
}
