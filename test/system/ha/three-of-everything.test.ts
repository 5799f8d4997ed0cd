/**
 * Three control planes, three NATS servers, Postgres with a standby behind PgBouncers, two gateways and three hosts, by the
 * files of the page "High availability", while customers use them and one thing after another breaks. HA_SEEDS names the
 * faults: `1-30`, or `7`, or `7,12`; `npm run proof:ha` plays thirty.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { NODE } from "@remotegpu/control-plane/server/proof/node-cryptography";
import { ProofDocument } from "@remotegpu/control-plane/server/proof/proof-document";
import { verifyBill } from "@remotegpu/control-plane/server/proof/verify-bill";
import { journalledMs } from "../../support/agent/journalled-time.ts";
import { eventually } from "../../support/eventually.ts";
import { ranMs } from "../../support/ha/container-log.ts";
import { FAULTS, LEADER_WITHIN_MS } from "../../support/ha/faults.ts";
import { FleetUnderLoad, type Story } from "../../support/ha/fleet-under-load.ts";
import { billedRuns, doctorsFindings, NOTHING_BROKEN } from "../../support/ha/invariants.ts";
import { isPostgresInstalled } from "../../support/ha/postgres-server.ts";
import { SeededRandom } from "../../support/ha/seeded-random.ts";

/** See FIRST. */
const SHORT = "1,2,3";
const SEEDS = seedsIn(process.env["HA_SEEDS"] ?? SHORT);
const STORY = { timeout: 150_000, retry: 0 };
const REPLICAS = 2;
const UNHARMED = { requestsFailed: [], sshLostBytes: 0, isSshOpen: true };
/** An agent that was away may miss a tick of its meter for each time. */
const TICK_MS = 10_000;
/** The container runtime's own events are this far from what the agent sees of a start and an end. */
const SEEN_WITHIN_MS = 3_000;
const RUNS_END_WITHIN_MS = 120_000;

if (!isPostgresInstalled)
  console.warn("postgresql-17 is not installed here, or this is not root: three of everything is left out.");

/** Of "1-3,7": 1, 2, 3 and 7. */
function seedsIn(text: string): number[] {
  return text.split(",").flatMap((part) => {
    const [from = 0, to = from] = part.split("-").map(Number);
    return Array.from({ length: to - from + 1 }, (_, at) => from + at);
  });
}

/** The same for a seed in every run: thirty of them play every fault at least once. */
function faultOf(seed: number) {
  const order = [...FIRST, ...new SeededRandom(0).shuffled(FAULTS.filter((fault) => !FIRST.includes(fault)))];
  const fault = order[(seed - 1) % order.length];
  if (fault === undefined) throw new Error(`there is no seed ${seed}`);
  return fault;
}

const FIRST = [
  "the leading control plane frozen",
  "the Postgres primary frozen, its standby promoted",
  "all NATS servers wiped",
].map((name) => {
  const fault = FAULTS.find((one) => one.name === name);
  if (fault === undefined) throw new Error(`there is no fault ${name}`);
  return fault;
});

function report(seed: number, name: string, story: Story): void {
  const seconds = (ms: number) => `${(ms / 1_000).toFixed(1)} s`;
  console.log(
    `seed ${seed}: ${name}: ${seconds(story.tookMs)}; no leader for ${seconds(story.leaderAwayMs)}; ` +
      `slowest order or payment ${seconds(story.slowestOrderMs)}; ` +
      `${story.orders} orders and ${story.payments} payments, ` +
      `${story.broken.ordersTwice.length} twice, ${story.broken.ordersLost.length + story.broken.paymentsLost.length} lost; ` +
      `${story.requests} requests, ${story.requestsFailed.length} failed; ` +
      `${story.sshSentBytes} bytes by SSH, ${story.sshLostBytes} lost; ${story.fewestReplicas} replicas at least`,
  );
}

describe.skipIf(!isPostgresInstalled)("three of everything (left out without postgresql-17)", () => {
  let loaded: FleetUnderLoad;
  const ending = new AsyncDisposableStack();
  beforeAll(async () => {
    loaded = ending.use(await FleetUnderLoad.begin());
  }, 300_000);
  afterAll(() => ending.disposeAsync(), 120_000);

  test.each(SEEDS.map((seed) => ({ seed, fault: faultOf(seed) })))(
    "seed $seed: $fault.name",
    STORY,
    async ({ seed, fault }) => {
      const story = await loaded.play(fault, new SeededRandom(seed));
      report(seed, fault.name, story);

      expect(story.broken).toEqual(NOTHING_BROKEN);
      expect(loaded.orders.refusals).toEqual([]);
      expect(story.leaderAwayMs).toBeLessThanOrEqual(LEADER_WITHIN_MS);
      expect(story.fewestReplicas).toBe(REPLICAS);
      const { requestsFailed, sshLostBytes, isSshOpen } = story;
      const seen = { requestsFailed, sshLostBytes, isSshOpen };
      // Of a gateway that was away itself its own requests and sessions may be broken.
      expect(story.touched.gateway === undefined ? seen : UNHARMED).toEqual(UNHARMED);
    },
  );

  test(
    "after all of them every run has ended, and is billed as long as its container ran",
    STORY,
    async () => {
      await loaded.stopLoad();
      const { postgres } = loaded.fleet;
      const runs = await eventually(
        async () => {
          const all = await billedRuns(postgres);
          const open = all.filter(({ isClosed }) => !isClosed);
          if (open.length > 0) throw new Error(`open: ${JSON.stringify(open)}`);
          return all;
        },
        { withinMs: RUNS_END_WITHIN_MS },
      );
      const logged = new Map(loaded.log.runs.map((run) => [run.runId, run]));
      const differences = runs.map(({ id, hostId, provenMs }) => {
        const run = logged.get(id);
        const ran = run === undefined ? 0 : ranMs(run, Date.now());
        const allowedMs = SEEN_WITHIN_MS + TICK_MS * (loaded.agentFaults.get(hostId) ?? 0);
        const journalled = journalledMs(
          loaded.fleet.hosts.find((host) => host.id === hostId)?.folder ?? "",
          id,
        );
        return {
          id,
          provenMs,
          journalled,
          ranMs: Math.round(ran),
          differenceMs: Math.round(provenMs - ran),
          allowedMs,
        };
      });
      const total = differences.reduce((sum, { provenMs }) => sum + provenMs, 0);
      const worst = Math.max(0, ...differences.map(({ differenceMs }) => Math.abs(differenceMs)));
      console.log(`${runs.length} runs of ${total} ms in all; the largest difference is ${worst} ms`);

      expect(differences.filter(({ differenceMs, allowedMs }) => Math.abs(differenceMs) > allowedMs)).toEqual(
        [],
      );
      // The container runtime is shared with other fleets, whose hosts are others.
      const own = loaded.log.runs.filter(({ hostId }) => loaded.fleet.hosts.some(({ id }) => id === hostId));
      expect(own.filter(({ runId }) => !runs.some(({ id }) => id === runId))).toEqual([]);
    },
  );

  test("and the bills hold to whoever verifies them, and the doctor finds nothing", STORY, async () => {
    const { customer } = loaded.fleet.house;
    const records = await customer.rows("/billing/records");
    const faults: string[] = [];
    for (const { id } of records) {
      const proof = ProofDocument.parse(await customer.get(`/billing/records/${String(id)}/proof`));
      faults.push(...verifyBill(proof, NODE).faults.map((fault) => `record ${String(id)}: ${fault}`));
    }
    console.log(`${records.length} records verified, ${faults.length} faults`);

    expect(records.length).toBeGreaterThan(0);
    expect(faults).toEqual([]);
    const { postgres } = loaded.fleet;
    const url = postgres.url([`127.0.0.1:${postgres.primary.server.port}`]);
    expect(await doctorsFindings(url)).toEqual([]);
  });
});
