/** What is ordered over HTTP for a training job that is there: its host is told, and its people see what came of it. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type ApiWorld, type Caller, openApi, problem } from "../../support/http/api.ts";
import { PlacedWork } from "../../support/placement/placed-work.ts";

let api: ApiWorld;
let alice: Caller;
let placed: PlacedWork;
let jobs = 0;
let id: string;

beforeAll(async () => {
  api = await openApi();
  alice = await api.customer("alice");
  placed = new PlacedWork(api.db);
  await placed.host("host-a");
});
afterAll(async () => await api.close());

async function request(method: string, path = "") {
  return await api.request(method, `/api/v1/training-jobs/${id}${path}`, { as: alice });
}

async function wanted(): Promise<string | undefined> {
  const { rows } = await api.db.query<{ want: string }>(
    "SELECT p.want FROM placements p JOIN instances i ON i.id = p.instance_id WHERE i.workload_id = $1",
    [id],
  );
  return rows[0]?.want;
}

describe("of a job that runs", () => {
  beforeEach(async () => {
    id = `job-${(jobs += 1)}`;
    const customer = alice.customerId;
    await placed.job(id, customer, { status: "running", confirmed_at: new Date(), placed_at: new Date() });
    await placed.placed({ kind: "training", workload: id, customer, placedAt: new Date() });
    api.nudged.length = 0;
  });

  test("why states where it runs", async () => {
    expect(await request("GET", "/why")).toMatchObject({
      status: 200,
      body: { status: "running", reason: "It runs on host host-a." },
    });
  });

  test("the cancellation stops it where it runs", async () => {
    const answer = await request("POST", "/cancel");

    expect(answer).toMatchObject({ status: 200, body: { id, status: "stopping" } });
    expect(api.nudged).toEqual(["host-a"]);
    expect(await wanted()).toBe("stopped");
  });

  test("the deletion has it removed where it runs, and it is there no more", async () => {
    const answer = await request("DELETE");

    expect(answer).toMatchObject({ status: 202, body: { id, status: "deleting" } });
    expect(api.nudged).toEqual(["host-a"]);
    expect(await wanted()).toBe("removed");
    expect(await request("GET")).toMatchObject(problem(404));
    expect(await request("DELETE")).toMatchObject(problem(404));
  });
});

test("a job that is over is not cancelled, and may be deleted", async () => {
  id = await placed.job("job-over", alice.customerId, { status: "completed" });

  const answers = [await request("POST", "/cancel"), await request("DELETE")];

  expect(answers).toMatchObject([problem(409), { status: 202, body: { id, status: "deleting" } }]);
});
