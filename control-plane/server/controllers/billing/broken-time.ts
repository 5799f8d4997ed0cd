/**
 * One pass over what broke under runs: cards that failed or went, hosts that died, gangs that lost a rank, instances that
 * never became ready for a fault of ours.
 * Reports write down what happened; here it becomes free time, run by run, unasked. The whole state is read each time,
 * so a pass that was cut off half way loses nothing and the next one does nothing twice.
 */
import { readinessOf } from "../../core/billing/broken-time/run-readiness.ts";
import { neverReadySentence } from "../../core/billing/broken-time/broken-sentence.ts";
import { lockRun, lockRuns, type Run } from "../../store/billing/runs/runs.ts";
import type { BrokenReason } from "../../core/billing/waived-time.ts";
import {
  type JudgedRun,
  readinessSoFar,
  runsToJudge,
  setReadiness,
} from "../../store/billing/broken-time/run-readiness.ts";
import {
  deathsOfRun,
  runsOfDeath,
  settleDeath,
  unsettledDeaths,
} from "../../store/billing/broken-time/runs-on-dead-hosts.ts";
import {
  endedOutages,
  outagesOfRun,
  runsOfOutages,
  settleOutages,
} from "../../store/billing/broken-time/runs-on-lost-cards.ts";
import { breaksOfRun, runsOfBreaks } from "../../store/billing/broken-time/gang-breaks.ts";
import { type Cause, waiveSpans } from "../../store/billing/broken-time/waived-spans.ts";
import type { Database, Transaction } from "../../store/database/database.ts";
import { transaction } from "../../store/database/transaction.ts";
import { assertTerm } from "../../store/database/leader.ts";

const RUNS_PER_PAGE = 200;

interface Deps {
  db: Database;
}

interface Pass {
  term: number;
  now: Date;
}

/** @throws LeadershipLostError when another replica leads by now; StoreError when the database failed */
export async function brokenTimePass(deps: Deps, pass: Pass): Promise<void> {
  await waiveLostCards(deps, pass);
  await waiveDeadHosts(deps, pass);
  await waiveBrokenGangs(deps, pass);
  await waiveNeverReady(deps, pass);
}

async function waiveLostCards({ db }: Deps, pass: Pass): Promise<void> {
  const ended = await endedOutages(db);
  for (const runId of await runsOfOutages(db)) await waiveRun(db, pass, { runId, reason: "gpu-lost" });
  if (ended.length === 0) return;
  await transaction(db, async (sql) => {
    await assertTerm(sql, pass.term);
    await settleOutages(sql, ended, pass.now);
  });
}

async function waiveDeadHosts({ db }: Deps, pass: Pass): Promise<void> {
  for (const death of await unsettledDeaths(db, pass.now)) {
    for (const runId of await runsOfDeath(db, death))
      await waiveRun(db, pass, { runId, reason: "host-died" });
    await transaction(db, async (sql) => {
      await assertTerm(sql, pass.term);
      await settleDeath(sql, death, pass.now);
    });
  }
}

/** After what broke the one rank, since the others' time is free from there. */
async function waiveBrokenGangs({ db }: Deps, pass: Pass): Promise<void> {
  for (const runId of await runsOfBreaks(db, pass.now))
    await waiveRun(db, pass, { runId, reason: "gang-broken" });
}

const CAUSES = { "gpu-lost": outagesOfRun, "host-died": deathsOfRun, "gang-broken": breaksOfRun } as const;

async function waiveRun(
  db: Database,
  { term, now }: Pass,
  { runId, reason }: { runId: string; reason: keyof typeof CAUSES & BrokenReason },
): Promise<void> {
  await transaction(db, async (sql) => {
    await assertTerm(sql, term);
    const run = await lockRun(sql, runId);
    if (run === null) return;
    await waiveSpans(sql, { run, reason, causes: await CAUSES[reason](sql, runId), now });
  });
}

async function waiveNeverReady({ db }: Deps, pass: Pass): Promise<void> {
  let page = await runsToJudge(db, { after: "", limit: RUNS_PER_PAGE });
  while (page.length > 0) {
    const runIds = page;
    await transaction(db, async (sql) => {
      await assertTerm(sql, pass.term);
      await judgeRuns(sql, runIds, pass.now);
    });
    page = await runsToJudge(db, { after: runIds.at(-1) ?? "", limit: RUNS_PER_PAGE });
  }
}

async function judgeRuns(sql: Transaction, runIds: readonly string[], now: Date): Promise<void> {
  const runs = await lockRuns(sql, runIds);
  const judged = await readinessSoFar(sql, runIds);
  const idsOf = (verdict: ReturnType<typeof readinessOf>) =>
    judged.filter((run) => readinessOf(run) === verdict).map(({ id }) => id);
  await setReadiness(sql, idsOf("ready"), true);
  const broken = idsOf("broken");
  await setReadiness(sql, [...broken, ...idsOf("ended")], false);
  for (const about of judged.filter(({ id }) => broken.includes(id))) {
    const run = runs.get(about.id);
    if (run !== undefined)
      await waiveSpans(sql, { run, reason: "never-ready", causes: [neverReady(run, about)], now });
  }
}

/** From its first moment on, for good: time that arrives later is free, too. */
function neverReady(run: Run, { state, orderedBy, problem, exitCode, detail }: JudgedRun): Cause {
  const { orderedAt, firstProvenAt } = run;
  return {
    fromMs: Math.min(orderedAt.getTime(), firstProvenAt?.getTime() ?? Infinity),
    toMs: Infinity,
    sentence: neverReadySentence({ orderedAt, state, orderedBy, detail }),
    facts: { ordered_at: orderedAt, state, ordered_by: orderedBy, problem, exit_code: exitCode },
  };
}
