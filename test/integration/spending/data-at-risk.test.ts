/** Data of customers who owe for long: told in time and once, deleted only by an administrator who means it. */
import { inEnglish } from "@remotegpu/control-plane/server/core/reasons/english/english";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { chargeDueHours } from "@remotegpu/control-plane/server/controllers/billing/charging";
import { riskSentence } from "@remotegpu/control-plane/server/core/alerts/data-at-risk";
import { acquireLeadership } from "@remotegpu/control-plane/server/store/database/leader";
import { GIB, MS_PER_DAY, MS_PER_HOUR } from "@remotegpu/shared/values/units";
import { CHINA } from "../../support/billing/metering-scene.ts";
import {
  type Customer,
  openPlacementScene,
  type PlacementScene,
} from "../../support/placement/placement-scene.ts";

let scene: PlacementScene;
let debtor: Customer & { uuid: string };
let name: string;
let counter = 0;

beforeAll(async () => {
  scene = await openPlacementScene();
  await scene.host("host-a", { gpus: 0 });
});
afterAll(async () => await scene.close());
beforeEach(async () => {
  counter += 1;
  name = `debtor-${counter}`;
  debtor = await scene.customer(name, "10");
});

const request = async (method: string, path: string, body?: object) =>
  await scene.api.request(method, `/api/v1${path}`, { as: scene.api.admin, ...(body && { body }) });
const account = async () => (await request("GET", `/customers/${debtor.customerId}`)).body;
const adjust = async (amount: string) =>
  await request("POST", `/customers/${debtor.customerId}/adjustments`, { amount, reason: "a test" });
const deleteData = async (confirm = name) =>
  await request("POST", `/customers/${debtor.customerId}/delete-data`, { confirm_username: confirm });

/** The debt of this customer began so long ago, and the hour that has just come was not ticked yet. */
async function owesFor(days: number): Promise<void> {
  await adjust("-10");
  const hour = Math.floor(scene.api.deps.now().getTime() / MS_PER_HOUR) * MS_PER_HOUR;
  const since = new Date(hour - days * MS_PER_DAY);
  await scene.rows("UPDATE customers SET overdue_since = $2 WHERE id = $1", [debtor.customerId, since]);
  await scene.rows("DELETE FROM hour_ticks");
  await scene.rows("INSERT INTO hour_ticks (hour, term, finished_at) VALUES ($1, 1, $1)", [
    new Date(hour - MS_PER_HOUR),
  ]);
}

/** The leader's hours up to this one, as far as one wake goes. */
async function tick(): Promise<void> {
  const { db, now } = scene.api.deps;
  const term = (await acquireLeadership(db, { holder: "the test", now: now() })) ?? 0;
  await chargeDueHours({ db, calendar: CHINA }, { term, now: now() });
}

/** As the debtor sees it, the oldest first. */
const reported = async () =>
  (
    (await scene.api.request("GET", "/api/v1/billing/events?limit=200", { as: debtor })).body.items as {
      kind: string;
      new: string | null;
    }[]
  )
    .toReversed()
    .filter(({ kind }) => kind.startsWith("data-"))
    .map(({ kind, new: day }) => `${kind} ${day ?? ""}`.trim());

const WARNED = ["data-at-risk-warning 30", "data-at-risk-warning 53", "data-at-risk-warning 59"];

describe("what is reported", () => {
  test.each([
    [29, []],
    [30, WARNED.slice(0, 1)],
    [53, WARNED.slice(0, 2)],
    [60, [...WARNED, "data-at-risk 60"]],
  ])(
    "of a debt of %d days: each day once, in order, however often the hour is ticked",
    async (days, expected) => {
      await owesFor(days);

      await tick();
      await tick();

      expect(await reported()).toEqual(expected);
      expect(await account()).toMatchObject({ data_at_risk: days === 60 });
    },
  );

  test("goes to webhooks as well, each day once, and is taken back by a payment", async () => {
    const webhook = async (kinds: string[]) =>
      (
        await scene.rows<{ id: number }>(
          "INSERT INTO webhooks (customer_id, url, secret, kinds) VALUES ($1, 'https://example.com/', 's', $2) RETURNING id",
          [debtor.customerId, kinds],
        )
      )[0]?.id;
    const requesting = await webhook(["data-at-risk"]);
    await webhook(["budget"]);
    const messages = async () =>
      (
        await scene.rows<{ webhook_id: number; body: string }>(
          "SELECT webhook_id, body FROM webhook_deliveries ORDER BY id",
        )
      ).map(({ webhook_id: id, body }) => {
        const { kind, state, threshold, sentence } = JSON.parse(body);
        return [id === requesting, kind, state, threshold, sentence];
      });

    await owesFor(53);
    await tick();
    await tick();
    const warned = await messages();
    await adjust("10.0001");

    expect(warned).toEqual([
      [true, "data-at-risk", "fired", "30.0000", inEnglish(riskSentence(30))],
      [true, "data-at-risk", "fired", "53.0000", inEnglish(riskSentence(53))],
    ]);
    expect((await messages()).slice(2)).toEqual([
      [true, "data-at-risk", "recovered", "30.0000", "The account is normal again."],
      [true, "data-at-risk", "recovered", "53.0000", "The account is normal again."],
    ]);
  });

  test("goes on where it was, through the suspension, and a payment ends it", async () => {
    await owesFor(59);
    await tick();
    expect(await reported()).toEqual(WARNED);
    expect((await account()).overdue_status).toBe("suspended");
    const { overdue_since: since } = await account();
    const balance = await scene.api.request("GET", "/api/v1/billing/balance", { as: debtor });
    expect(Date.parse(balance.body.data_at_risk_from!) - Date.parse(since)).toBe(60 * MS_PER_DAY);

    await owesFor(60);
    await tick();
    expect(await reported()).toEqual([...WARNED, ...WARNED, "data-at-risk 60"]);
    await adjust("10.0001");
    expect(await reported()).toEqual([...WARNED, ...WARNED, "data-at-risk 60", "data-at-risk-ended"]);
    expect(await account()).toMatchObject({ overdue_status: "normal", data_at_risk: false });
    expect((await deleteData()).status).toBe(409);
  });

  test("the list of customers can be filtered by those whose data is at risk", async () => {
    await owesFor(60);
    await tick();

    const ids = async (filter: string) =>
      (await request("GET", `/customers?limit=200&data_at_risk=${filter}`)).body.items.map(
        ({ id }: { id: number }) => id,
      ) as number[];

    expect(await ids("true")).toContain(debtor.customerId);
    expect(await ids("false")).not.toContain(debtor.customerId);
  });
});

describe("deleting it", () => {
  test("is refused before the sixtieth day was reported, and without the customer's name", async () => {
    await owesFor(59);
    await tick();

    expect((await deleteData()).status).toBe(409);
    expect(await deleteData("somebody-else")).toMatchObject({
      status: 422,
      body: { errors: [{ path: "confirm_username" }] },
    });
    expect(await scene.rows("SELECT FROM data_removals WHERE customer_id = $1", [debtor.customerId])).toEqual(
      [],
    );
  });

  test("takes what this customer pays for and leaves what others do; folders are listed with their pools", async () => {
    const host = await scene.host(`host-${counter}`, { pool: `pool-${counter}` });
    const friend = await scene.customer(`friend-${counter}`);
    await scene.api.join(friend.workspaceId, friend, debtor);
    const own = await scene.environment(debtor);
    await scene.schedule();
    const [running] = await host.round();
    const guest = await scene.environment(debtor, { workspace_id: friend.workspaceId });
    const dataset = async (visibility: string) =>
      (await scene.api.request("POST", "/api/v1/datasets", { as: debtor, body: { name: "d", visibility } }))
        .body.id;
    const [plain, mounted] = [await dataset("private"), await dataset("public")];
    await scene.rows("UPDATE environments SET mounted_datasets = $2 WHERE id = $1", [
      guest,
      JSON.stringify([{ id: mounted, path: "/gemini/data-1", readonly: true }]),
    ]);
    await owesFor(60);
    await tick();
    scene.api.nudged.length = 0;

    const deletion = await deleteData();

    expect(deletion).toMatchObject({
      status: 202,
      body: {
        environments: [own],
        datasets: [plain],
        models: [],
        kept: [{ kind: "dataset", id: mounted, mounted_by: `environment ${guest}` }],
      },
    });
    expect(scene.api.nudged).toEqual([host.id]);
    expect((await scene.get(debtor, own)).status).toBe("deleting");
    expect((await scene.get(debtor, guest)).status).toBe("queued");
    expect((await host.pull()).map(({ runId, want }) => [runId, want])).toEqual([
      [running!.runId, "removed"],
    ]);
    const { items } = (await request("GET", `/customers/${debtor.customerId}/data-removals`)).body;
    expect(items.map((one: Record<string, unknown>) => [one.storage_pool, one.folder])).toEqual([
      [`pool-${counter}`, `environments/${own}/code`],
      [`pool-${counter}`, `environments/${own}/output`],
      [null, `${debtor.uuid}/datasets/${plain}`],
    ]);
    expect((await reported()).at(-1)).toBe("data-deletion-ordered");
    const [entry] = (await request("GET", "/audit-log?limit=1")).body.items;
    expect(entry).toMatchObject({ subject: `customers/${debtor.customerId}/delete-data`, status: 202 });

    // Once more: what was kept may go by now, and no folder is listed twice.
    await scene.rows("UPDATE environments SET mounted_datasets = NULL WHERE id = $1", [guest]);
    expect((await deleteData()).body).toMatchObject({ datasets: [mounted], kept: [] });
    const again = (await request("GET", `/customers/${debtor.customerId}/data-removals`)).body.items;
    expect(again).toHaveLength(4);
  });

  test("ends jobs and services that are not over, which mount nothing any more; all stay on record, with their folders", async () => {
    const host = await scene.host(`host-${counter}`, {
      pool: `pool-${counter}`,
      gpus: 1,
      gpuMemoryMib: 96 * 1024,
    });
    const friend = await scene.customer(`friend-${counter}`);
    await scene.api.join(friend.workspaceId, friend, debtor);
    const confirmed = { confirmed_at: scene.api.deps.now(), node_count: 1, gpu: 0 };
    // The only host that has such a card.
    const ran = await scene.job(debtor, { ...confirmed, gpu: 1, gpu_memory: 90 * GIB });
    await scene.schedule();
    await host.round({ phase: "stopped", exitCode: 0 });
    await scene.workloads();
    const dataset = (await scene.api.request("POST", "/api/v1/datasets", { as: debtor, body: { name: "d" } }))
      .body.id;
    const waiting = await scene.job(debtor, { ...confirmed, mounted_datasets: JSON.stringify([dataset]) });
    const unconfirmed = await scene.job(debtor, { status: "pending" });
    const guest = await scene.job(debtor, { ...confirmed, workspace_id: friend.workspaceId });
    const service = `service-${counter}`;
    await scene.rows(
      `INSERT INTO inference_services (id, customer_id, workspace_id, name, image, status)
       VALUES ($1, $2, $3, 'answers', 'server:1', 'creating')`,
      [service, debtor.customerId, debtor.workspaceId],
    );
    await owesFor(60);
    await tick();

    const deletion = await deleteData();

    expect(deletion).toMatchObject({
      status: 202,
      body: { environments: [], inference_services: [service], datasets: [dataset], kept: [] },
    });
    expect(deletion.body.training_jobs.toSorted()).toEqual([unconfirmed, waiting].toSorted());
    const statusOf = async (id: string) => {
      const { body } = await scene.api.request("GET", `/api/v1/training-jobs/${id}`, { as: debtor });
      return [body.status, body.status_reason];
    };
    const cancelled = ["cancelled", expect.stringMatching(/^Cancelled by admin \d+\.$/)];
    expect(await statusOf(waiting)).toEqual(cancelled);
    expect(await statusOf(unconfirmed)).toEqual(cancelled);
    expect(await statusOf(ran)).toEqual(["completed", null]);
    expect((await statusOf(guest))[0]).toBe("queued");
    expect(
      await scene.rows("SELECT status, deleted_at FROM inference_services WHERE id = $1", [service]),
    ).toEqual([{ status: "stopped", deleted_at: expect.any(Date) }]);
    const { items } = (await request("GET", `/customers/${debtor.customerId}/data-removals`)).body;
    expect(items.map((one: Record<string, unknown>) => [one.storage_pool, one.folder])).toEqual([
      [`pool-${counter}`, `training-jobs/${ran}/output/attempt-1`],
      [null, `${debtor.uuid}/datasets/${dataset}`],
    ]);
    expect((await deleteData()).body).toMatchObject({ training_jobs: [] });
  });
});
