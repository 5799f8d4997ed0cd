/** What the API tells an administrator of one host. */
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ControlScene, openControlScene } from "../../support/worlds/control-scene.ts";

let scene: ControlScene;
beforeAll(async () => {
  scene = await openControlScene();
});
afterAll(() => scene.close());

const told = async (path: string) => {
  const { status, body } = await scene.api.ask("GET", `/api/v1/hosts/${path}`, { as: scene.api.admin });
  expect(status).toBe(200);
  return body;
};
const journalOf = (id: string, headSeq: number) => ({
  id,
  headSeq,
  headHash: "0".repeat(64),
  watermarkSeen: 0,
});

describe("a host's journal", () => {
  test("is null before the host was heard", async () => {
    await scene.api.db.query(
      "INSERT INTO hosts (id, name, ip_address) VALUES ('host-silent', 'host-silent', '10.0.0.1')",
    );

    expect(await told("host-silent")).toMatchObject({ journal: null, pending_usage_rows: 0 });
  });

  test("has its end as the host tells it, and how far it is ingested; one that was begun before counts until it is", async () => {
    const host = await scene.host("host-writes");
    await host.heartbeat({ journal: journalOf(host.journalId, 12) });
    const behind = await told(host.id);
    await scene.api.db.query("UPDATE host_journals SET watermark = 10 WHERE host_id = $1", [host.id]);
    const almost = await told(host.id);
    const next = randomUUID();
    scene.api.passMinutes(1);
    await host.heartbeat({ journal: journalOf(next, 3), agentEpoch: 2 });
    const both = await told(host.id);
    await scene.api.db.query("UPDATE host_journals SET watermark = head_seq WHERE host_id = $1", [host.id]);
    const ingested = await told(host.id);

    const first = { id: host.journalId, head_seq: 12 };
    expect(behind).toMatchObject({ journal: { ...first, watermark: 0 }, pending_usage_rows: 12 });
    expect(almost).toMatchObject({ journal: { ...first, watermark: 10 }, pending_usage_rows: 2 });
    expect(both).toMatchObject({ journal: { id: next, head_seq: 3, watermark: 0 }, pending_usage_rows: 5 });
    expect(ingested).toMatchObject({ journal: { head_seq: 3, watermark: 3 }, pending_usage_rows: 0 });
  });
});
