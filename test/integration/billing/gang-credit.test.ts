/**
 * What a gang costs whose one host goes silent: until then, and nothing of any rank after it, also what was charged
 * before anybody could know. A rank costs 0.11 a minute here; the clock stands still between the steps.
 */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { brokenTimePass } from "@remotegpu/control-plane/server/controllers/billing/broken-time";
import { chargeDueHours } from "@remotegpu/control-plane/server/controllers/billing/charging";
import { ingestBatch } from "@remotegpu/control-plane/server/controllers/ingest/ingest";
import { acquireLeadership } from "@remotegpu/control-plane/server/store/database/leader";
import { trialBalance } from "@remotegpu/control-plane/server/store/billing/ledger/ledger";
import { JournalId } from "@remotegpu/shared/values/ids";
import type { DesiredInstance } from "@remotegpu/shared/instance/instance";
import { MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import { CHINA, SceneJournal } from "../../support/billing/metering-scene.ts";
import { databaseOfFile } from "../../support/engines/postgres.ts";
import { openControlScene, type ScriptedHost } from "../../support/worlds/control-scene.ts";
import { GangScene } from "../../support/worlds/fleet/gang-scene.ts";

const BASE_MS = Date.parse("2026-03-10T03:00:00Z");
let gangs: GangScene;

const emptyDatabase = databaseOfFile();
beforeEach(async () => {
  vi.useFakeTimers({ toFake: ["Date"], now: BASE_MS - MS_PER_MINUTE });
  gangs = await GangScene.begin(await openControlScene(await emptyDatabase()), 2);
});
afterEach(async () => {
  vi.useRealTimers();
  await gangs.scene.close();
});

const at = (minute: number) => void vi.setSystemTime(BASE_MS + minute * MS_PER_MINUTE);
const leads = async () => {
  const { db, now } = gangs.scene.api.deps;
  const term = await acquireLeadership(db, { holder: "the test", now: now() });
  return { term: term ?? 0, now: now() };
};
const tick = async () => await chargeDueHours({ db: gangs.scene.api.db, calendar: CHINA }, await leads());

/** The host's journal proves these minutes of its rank, as its last. */
async function proves(host: ScriptedHost, wanted: DesiredInstance, minutes: readonly [number, number]) {
  const { db } = gangs.scene.api;
  const { rows } = await db.query<{ utc_at_zero: Date }>(
    "SELECT utc_at_zero FROM host_boots WHERE host_id = $1",
    [host.id],
  );
  const inBoot = (minute: number) =>
    Math.round(BASE_MS + minute * MS_PER_MINUTE - (rows[0]?.utc_at_zero.getTime() ?? 0));
  const journal = new SceneJournal(
    { customerId: 0, workspaceId: 0, hostId: host.id, bootId: host.bootId },
    undefined,
    JournalId.parse(host.journalId),
  );
  const seq = journal.write({
    run: wanted.runId,
    instanceId: wanted.instanceId,
    epoch: wanted.placementEpoch,
    fromMs: inBoot(minutes[0]),
    toMs: inBoot(minutes[1]),
    final: true,
  });
  const deps = { db, verify: () => Promise.resolve(true), calendar: CHINA };
  const { quarantined } = await ingestBatch(deps, host.id, journal.batch(1, seq), gangs.scene.api.deps.now());
  expect(quarantined).toBe(0);
}

test("every rank is charged until the last word of the host that went silent, and what was charged beyond comes back", async () => {
  await tick();
  at(0);
  await gangs.pass(0);
  const id = await gangs.runs({ config: { max_infrastructure_retries: 0 } });
  const [one, other] = await gangs.hostsOf(id);
  const [ofOne, ofOther] = [one!.desired[0]!, other!.desired[0]!];
  at(50);
  await gangs.pass(0);
  at(52);
  await gangs.pass(0, [one!]);
  await gangs.scene.workloads();
  await gangs.round([one!]);
  at(53);
  await proves(one!, ofOne, [0, 52]);
  at(60);
  await tick();
  const chargedOf = async (wanted: DesiredInstance) =>
    (
      await gangs.scene.api.db.query<{ billed_minutes: number; amount: string }>(
        "SELECT billed_minutes, posted_amount AS amount FROM runs WHERE id = $1",
        [wanted.runId],
      )
    ).rows[0];
  expect(await chargedOf(ofOne)).toEqual({ billed_minutes: 52, amount: "5.7200" });

  // It had run on all the time: only its words were lost.
  at(70);
  await other!.heartbeat();
  await gangs.round([other!]);
  await proves(other!, ofOther, [0, 70]);
  await gangs.scene.workloads();
  expect(await gangs.job(id)).toMatchObject({ status: "failed" });
  await brokenTimePass({ db: gangs.scene.api.db }, await leads());
  at(120);
  await tick();

  for (const wanted of [ofOne, ofOther])
    expect(await chargedOf(wanted)).toEqual({ billed_minutes: 50, amount: "5.5000" });
  const { instances } = await gangs.job(id);
  for (const { runs } of instances)
    expect(runs[0]?.waived).toEqual([
      {
        reason: "gang-broken",
        from: new Date(BASE_MS + 50 * MS_PER_MINUTE).toISOString(),
        to: null,
        sentence: `Rank 1: host ${other!.id} is not heard any more. Without that rank the others are of no use.`,
        sentence_code: "rank-without-others",
        sentence_params: {
          why: {
            code: "ranks-lost",
            params: {
              ranks: [{ code: "rank-lost-silent", params: { rank: 1, host_name: other!.id } }],
            },
          },
        },
      },
    ]);
  expect(await trialBalance(gangs.scene.api.db)).toEqual({ total: "0.0000", unbalancedCustomers: 0 });
});
