/** Heartbeats with plain changes, taken in as a set: they leave what each would leave alone, and grave ones are left out. */
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Heartbeat } from "@remotegpu/shared/messages/protocol";
import { transaction } from "@remotegpu/control-plane/server/store/database/transaction";
import { MAX_JOURNALS_A_DAY } from "@remotegpu/control-plane/server/store/hosts/newcomers";
import { acceptHeartbeat } from "@remotegpu/control-plane/server/store/reports/heartbeats";
import { acceptPlainHeartbeats } from "@remotegpu/control-plane/server/store/reports/plain-heartbeats";
import { type ControlScene, openControlScene } from "../../support/worlds/control-scene.ts";

const NOW = new Date("2026-03-10T12:00:00Z");
const LATER = new Date("2026-03-10T12:00:20Z");

let scene: ControlScene;

beforeAll(async () => {
  scene = await openControlScene();
});
afterAll(async () => await scene?.close());

const sql = async (text: string, values: unknown[] = []) => (await scene.api.db.query(text, values)).rows;

/** Known to the fleet and never heard, with one card. */
async function newHost() {
  const id = `host-${randomUUID().slice(0, 8)}`;
  await sql("INSERT INTO hosts (id, name, ip_address, storage_pool) VALUES ($1, 'a host', '10.0.0.1', 'p')", [
    id,
  ]);
  await sql(
    "INSERT INTO gpus (host_id, gpu_index, uuid, name, memory_total) VALUES ($1, 0, $2, 'Test', 1024)",
    [id, `GPU-${id}`],
  );
  const [bootId, journalId] = [randomUUID(), randomUUID()];
  const card = { uuid: `GPU-${id}`, health: "healthy", memoryUsedMib: 1, utilizationPercent: 2 };
  const beatOf = ({ gpus = [{}], journal = {}, ...change }: Record<string, unknown> & Changes = {}) => ({
    hostId: id,
    heartbeat: Heartbeat.parse({
      kind: "heartbeat",
      version: "0.1.0-test",
      protocol: { min: 1, max: 2 },
      bootId,
      agentEpoch: 1,
      monotonicMs: 60_000,
      lastRoundTripMs: null,
      applied: { term: 0, generation: 0 },
      observedDigest: "0".repeat(64),
      degraded: [],
      features: ["gangs"],
      ...change,
      journal: { id: journalId, headSeq: 3, headHash: "0".repeat(64), watermarkSeen: 0, ...journal },
      gpus: gpus.map((one) => ({ ...card, temperatureC: 50, powerW: 99.5, reasons: [], ...one })),
    }),
  });
  return { id, bootId, journalId, beatOf };
}
type Changes = { gpus?: object[]; journal?: object };

/** All that a host's heartbeats leave, without what differs from host to host. */
async function traceOf({ id, bootId, journalId }: { id: string; bootId: string; journalId: string }) {
  const rows = await sql(
    `SELECT to_jsonb(h) AS host,
            (SELECT jsonb_agg(to_jsonb(g) - 'id' ORDER BY g.uuid) FROM gpus g WHERE g.host_id = h.id) AS cards,
            (SELECT jsonb_agg(to_jsonb(k)) FROM gpu_health k JOIN gpus g ON g.uuid = k.gpu_uuid WHERE g.host_id = h.id) AS health,
            (SELECT jsonb_agg(to_jsonb(j) ORDER BY j.head_seq) FROM host_journals j WHERE j.host_id = h.id) AS journals,
            (SELECT jsonb_agg(to_jsonb(b)) FROM host_boots b WHERE b.host_id = h.id) AS boots,
            (SELECT jsonb_agg(to_jsonb(e) - 'id' ORDER BY e.kind, e.id) FROM events e WHERE e.host_id = h.id) AS events
       FROM hosts h WHERE h.id = $1`,
    [id],
  );
  const text = JSON.stringify(rows[0]).replaceAll(
    /"(registered_at|created_at|updated_at)":"[^"]*"/g,
    '"$1":"then"',
  );
  return JSON.parse(text.replaceAll(id, "HOST").replaceAll(bootId, "BOOT").replaceAll(journalId, "JOURNAL"));
}

const HEARD = {};
const reverted = {
  version: "0.1.0",
  committed: "0.1.0",
  phase: null,
  to: null,
  last: { attempt: 1, from: "0.1.0", to: "0.2.0", result: "reverted", at: NOW.toISOString() },
};
const OTHER_JOURNAL = "11111111-1111-4111-8111-111111111111";

describe("plain changes, taken as a set, leave what each leaves by itself", () => {
  test.each<[string, (Record<string, unknown> & Changes)[]]>([
    ["of a host that is heard for the first time", [HEARD]],
    ["of trouble of the host, and of its end", [{ degraded: ["disk-full"] }, HEARD]],
    ["of a new start of the agent with another version", [HEARD, { agentEpoch: 2, version: "0.2.0-test" }]],
    ["of an agent that serves SSH, and no more", [{ features: ["ssh"] }, HEARD]],
    ["of a journal that was lost", [HEARD, { journal: { id: OTHER_JOURNAL, headSeq: 1 } }]],
    ["of a card that is worse, without a reason", [HEARD, { gpus: [{ health: "degraded" }] }]],
    [
      "of a card that is degraded for a reason",
      [HEARD, { gpus: [{ health: "degraded", reasons: ["Hot."] }] }],
    ],
    [
      "of a round trip by which the boot's zero is known better",
      [HEARD, { lastRoundTripMs: 8, agentEpoch: 2 }],
    ],
    [
      "of an agent of before, which reports no reasons",
      [{ gpus: [{ reasons: undefined }], features: undefined }],
    ],
    ["of a host without cards", [{ gpus: [] }]],
  ])("%s", async (_, beats) => {
    const [alone, ...together] = [await newHost(), await newHost(), await newHost()];
    const answers: unknown[] = [];
    for (const [index, beat] of beats.entries()) {
      const now = index === 0 ? NOW : LATER;
      await sql("UPDATE hosts SET connection = 'unreachable' WHERE last_heartbeat IS NOT NULL");
      answers.push(await acceptHeartbeat(scene.api.db, { ...alone.beatOf(beat), now }));
      const set = together.map(({ beatOf }) => beatOf(beat));
      const outcomes = await acceptPlainHeartbeats(scene.api.db, set, now);
      expect([...outcomes.keys()].toSorted()).toEqual(together.map(({ id }) => id).toSorted());
      for (const outcome of outcomes.values()) expect(outcome).toEqual(answers.at(-1));
    }

    const expected = await traceOf(alone);
    for (const host of together) expect(await traceOf(host)).toEqual(expected);
  });
});

describe("a set leaves out, and does not touch,", () => {
  const grave: [string, Record<string, unknown> & Changes, string?][] = [
    ["a host that shows a restored database", { journal: { watermarkSeen: 9 } }],
    ["a host that has rebooted", { bootId: randomUUID() }],
    ["a card that shows a sign of failure", { gpus: [{ hasSign: true }] }],
    ["a card that its host closes", { gpus: [{ cordon: { kind: "drain", sinceMs: 1 } }] }],
    ["a card that is unhealthy for a reason", { gpus: [{ health: "unhealthy", reasons: ["Lost."] }] }],
    ["a host whose agent's upgrade has a result", { upgrade: reverted }],
    ["a card that was closed before", HEARD, "UPDATE gpus SET cordoned = true WHERE host_id = $1"],
    ["an agent's earlier start", { agentEpoch: 1 }, "UPDATE hosts SET agent_epoch = 5 WHERE id = $1"],
    ["a revoked host", HEARD, "UPDATE hosts SET revoked_at = now() WHERE id = $1"],
    ["a deleted host", HEARD, "UPDATE hosts SET deleted_at = now() WHERE id = $1"],
  ];

  test.each(grave)("%s", async (_, beat, before) => {
    const [host, plain] = [await newHost(), await newHost()];
    await acceptPlainHeartbeats(scene.api.db, [host.beatOf()], NOW);
    if (before !== undefined) await sql(before, [host.id]);
    const trace = await traceOf(host);

    const outcomes = await acceptPlainHeartbeats(scene.api.db, [host.beatOf(beat), plain.beatOf()], LATER);

    expect([...outcomes.keys()]).toEqual([plain.id]);
    expect(await traceOf(host)).toEqual(trace);
  });

  test("a host that is not known", async () => {
    const host = await newHost();
    await sql("DELETE FROM gpus WHERE host_id = $1", [host.id]);
    await sql("DELETE FROM hosts WHERE id = $1", [host.id]);

    expect(await acceptPlainHeartbeats(scene.api.db, [host.beatOf()], NOW)).toEqual(new Map());
  });

  test("a host whose row somebody holds", async () => {
    const [held, free] = [await newHost(), await newHost()];

    await transaction(scene.api.db, async (tx) => {
      await tx.query("SELECT FROM hosts WHERE id = $1 FOR UPDATE", [held.id]);
      const outcomes = await acceptPlainHeartbeats(scene.api.db, [held.beatOf(), free.beatOf()], NOW);
      expect([...outcomes.keys()]).toEqual([free.id]);
    });
  });
});

test("a host that begins too many journals a day is refused, and the others are taken", async () => {
  const [restless, calm] = [await newHost(), await newHost()];
  for (let begun = 0; begun < MAX_JOURNALS_A_DAY; begun += 1)
    await acceptPlainHeartbeats(scene.api.db, [restless.beatOf({ journal: { id: randomUUID() } })], NOW);

  const outcomes = await acceptPlainHeartbeats(
    scene.api.db,
    [restless.beatOf({ journal: { id: randomUUID() } }), calm.beatOf()],
    LATER,
  );

  expect(outcomes.get(restless.id)).toEqual({
    accepted: false,
    reason: `it has begun ${MAX_JOURNALS_A_DAY} journals within a day, and tells of one more`,
  });
  expect(outcomes.get(calm.id)).toMatchObject({ accepted: true });
});
