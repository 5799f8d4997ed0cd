/** A command inside a workload of any kind: which of its containers it goes to, and that none is asked where none is up. */
import type { ExecReply } from "@remotegpu/shared/messages/protocol";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type ApiWorld, type Caller, openApi, problem } from "../../support/http/api.ts";
import { PlacedWork } from "../../support/placement/placed-work.ts";

const EXITED: ExecReply = { kind: "exec-reply", exitCode: 0, stdout: "", stderr: "", truncated: false };
const KINDS = [
  ["training", "training-jobs", "job-1"],
  ["inference", "inference-services", "svc-1"],
] as const;

let api: ApiWorld;
let alice: Caller;
/** By workload and rank: where its container is. */
const instances = new Map<string, string>();
let requested: [hostId: string, instanceId: string][];

beforeAll(async () => {
  api = await openApi();
  alice = await api.customer("alice");
  const placed = new PlacedWork(api.db);
  const customer = alice.customerId;
  for (const host of ["host-a", "host-b"]) await placed.host(host);
  await placed.environment("env-1", customer, { status: "running" });
  await placed.job("job-1", customer, { status: "running", node_count: 3 });
  await api.db.query(
    "INSERT INTO inference_services (id, customer_id, name, image, status) VALUES ('svc-1', $1, 'svc-1', 'serve:1', 'running')",
    [customer],
  );
  const work = [["environment", "environments", "env-1"], ...KINDS] as const;
  for (const [kind, , workload] of work)
    for (const [rank, host] of ["host-a", "host-b", "host-a"]
      .slice(0, kind === "environment" ? 1 : 3)
      .entries())
      instances.set(
        `${workload} ${rank}`,
        await placed.placed({ kind, workload, rank, host, customer, placedAt: new Date() }),
      );
  // The last rank of each waits to be started.
  await api.db.query(
    "UPDATE placements SET state = 'ready' WHERE instance_id IN (SELECT id FROM instances WHERE rank < 2)",
  );
  api.deps.link.exec = async (hostId, { instanceId }) => {
    requested.push([hostId, instanceId]);
    return await Promise.resolve(EXITED);
  };
});
afterAll(async () => await api.close());
beforeEach(() => void (requested = []));

async function exec(path: string, as: Caller = alice) {
  return await api.request("POST", `/api/v1/${path}`, { as, body: { argv: ["true"] } });
}

test.each(KINDS)("of %s it goes to rank 0, or to the one that is named", async (_kind, path, id) => {
  const statuses = [];
  for (const query of ["", "?rank=0", "?rank=1"])
    statuses.push((await exec(`${path}/${id}/exec${query}`)).status);

  expect(statuses).toEqual([200, 200, 200]);
  expect(requested).toEqual([
    ["host-a", instances.get(`${id} 0`)],
    ["host-a", instances.get(`${id} 0`)],
    ["host-b", instances.get(`${id} 1`)],
  ]);
});

test.each(KINDS)("of %s none gets a request whose container is not up", async (_kind, path, id) => {
  const answers = [await exec(`${path}/${id}/exec?rank=2`), await exec(`${path}/${id}/exec?rank=3`)];

  expect(answers).toMatchObject([problem(409), problem(409)]);
  expect(answers[0]?.body.detail).toMatch(
    /^Commands run where a container is up; instance 2 of this .* has none\.$/,
  );
  expect(requested).toEqual([]);
});

test.each(KINDS)("of %s a rank that is no number is refused by its name", async (_kind, path, id) => {
  const answer = await exec(`${path}/${id}/exec?rank=first`);

  expect(answer.body.errors).toMatchObject([{ path: "rank" }]);
  expect(requested).toEqual([]);
});

test("an environment has one container", async () => {
  const answer = await exec("environments/env-1/exec");

  expect(answer.status).toBe(200);
  expect(requested).toEqual([["host-a", instances.get("env-1 0")]]);
});

test.each(KINDS)("of %s what was run stands in the audit log", async (_kind, path, id) => {
  const answer = await exec(`${path}/${id}/exec`);

  const { rows } = await api.db.query(
    "SELECT action, target_id, outcome, after FROM audit_log WHERE request_id = $1",
    [answer.headers.get("X-Request-Id")],
  );
  const action = `${path.slice(0, -1)}.exec`;
  expect(rows).toEqual([
    { action, target_id: id, outcome: "done", after: { program: "true", arguments: 0 } },
  ]);
  expect(requested).toHaveLength(1);
});
