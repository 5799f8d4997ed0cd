/** An environment of the old system, from its old database to a container on a host of ours and a bill. */
import { migrate } from "@remotegpu/control-plane/server/store/migrate";
import type { PathClient } from "../support/http/path-client.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { BUSYBOX_IMAGE } from "../support/samples/desired-instance.ts";
import { eventually } from "../support/eventually.ts";
import { House } from "../support/worlds/house.ts";
import { type OldSystem, oldSystem } from "../support/old-system/old-database.ts";
import { AS_FOUND } from "../support/old-system/old-form.ts";
import type { FreshDatabase } from "../support/engines/postgres.ts";

const ADA = 11;
const ID = "Env_0001";

let old: OldSystem;
let database: FreshDatabase;
let house: House;
let ada: PathClient;
let key: string;

/** Ended from the last to the first, each although another fails. */
const ending = new AsyncDisposableStack();
beforeAll(async () => {
  old = ending.adopt(await oldSystem(), (one) => one.drop());
  database = await old.database(AS_FOUND, {
    customers: [{ id: ADA, username: "ada", email: "ada@example.com", password_hash: "x" }],
    hosts: [{ id: "old-host", name: "old", ip_address: "10.9.9.9", status: "online" }],
    environments: [
      {
        id: ID,
        customer_id: ADA,
        host_id: "old-host",
        name: "notebook",
        image: BUSYBOX_IMAGE,
        status: "running",
        cpu: 1,
        memory: 128 * 2 ** 20,
        ssh_port: 30_001,
        container_id: "of-the-old-system",
      },
    ],
    port_mappings: [
      { id: 1, env_id: ID, service_type: "ssh", external_port: 30_001, internal_port: 22, status: "active" },
    ],
    training_jobs: [
      { id: "job-1", customer_id: ADA, name: "train", script_path: "train.py --lr 1", status: "running" },
      {
        id: "job-2",
        customer_id: ADA,
        env_id: ID,
        name: "later",
        script_path: "later.py",
        status: "pending",
        memory: 128 * 2 ** 20,
      },
    ],
    inference_services: [
      { id: "service-1", customer_id: ADA, name: "serve", status: "running", replicas: 3 },
    ],
  });
  ending.defer(() => database.drop());
  await migrate(database.database);
  house = ending.adopt(await House.open({ hosts: 1, settings: { DATABASE_URL: database.url } }), (one) =>
    one.close(),
  );
  key = String((await house.admin.post(`/customers/${ADA}/api-keys`, { name: "test" })).key);
  ada = house.client(key);
});
afterAll(() => ending.disposeAsync());

const status = async (id: string, wanted: string) =>
  await eventually(
    async () => {
      const row = await ada.get(`/environments/${id}`);
      return row.status === wanted && row;
    },
    { withinMs: 60_000, what: `environment ${id} ${wanted}` },
  );

test("soon after the control plane serves, nothing of the old system reports that it runs", async () => {
  expect(await status(ID, "stopped")).toMatchObject({ status_reason: "from the old system", ssh_port: null });

  await eventually(async () => (await ada.get("/inference-services/service-1")).status === "stopped", {
    withinMs: 60_000,
  });
  const jobs = await house.cli(["job", "list", "-o", "wide"], { REMOTEGPU_KEY: key });
  const service = await house.cli(["service", "show", "service-1", "--json"], { REMOTEGPU_KEY: key });

  expect(jobs.stdout).toMatch(
    /^job-1 +train +failed +ada +unknown:migrated +train\.py --lr 1 .*from the old system$/m,
  );
  expect(JSON.parse(service.stdout)).toMatchObject({ status: "stopped", replicas: 0, instances: [] });
  expect(await ada.rows("/billing/records")).toEqual([]);
});

test("the environment starts on a host of ours once there is money, and its bill comes", async () => {
  await expect(ada.post(`/environments/${ID}/start`)).rejects.toThrow("balance");
  await house.admin.post(`/customers/${ADA}/top-ups`, { amount: "10" });

  await ada.post(`/environments/${ID}/start`);
  expect(await status(ID, "running")).toMatchObject({ host_id: house.hosts[0]?.id });
  expect(await ada.post(`/environments/${ID}/exec`, { argv: ["echo", "here"] })).toMatchObject({
    stdout: "here\n",
  });

  await ada.post(`/environments/${ID}/stop`);
  await status(ID, "stopped");
  await eventually(async () => (await ada.rows("/billing/records")).length > 0, { withinMs: 60_000 });
  expect(await ada.rows("/billing/records")).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ resource_id: ID, billing_minutes: 1, resource_type: "environment" }),
    ]),
  );
});

test("a job that waited there is confirmed or cancelled by its owner", async () => {
  const job = async (...words: string[]) => await house.cli(["job", ...words], { REMOTEGPU_KEY: key });

  // On a host it would end by itself, perhaps before it is cancelled.
  await house.admin.post(`/hosts/${house.hosts[0]?.id}/cordon`, { reason: "test" });

  expect((await job("list")).stdout).toMatch(
    /^job-2 +later +pending .* The old system had it waiting: confirm it, .*, or cancel it\.$/m,
  );
  expect((await job("confirm", "job-2")).stdout).toBe(
    "Training job job-2 (later) is queued: Confirmed. Waiting for a place.",
  );
  expect((await job("cancel", "job-2")).stdout).toMatch(/^Training job job-2 \(later\) is cancelled: /);
});

test("and it is deleted with what it left on the host", async () => {
  await ada.delete(`/environments/${ID}`);

  await eventually(async () => (await ada.rows("/environments")).length === 0, { withinMs: 60_000 });
  // The job's container may just be ending, too.
  const isEmpty = async () => (await house.containersOf(house.hosts[0]?.id ?? "")).length === 0;
  expect(await eventually(isEmpty, { withinMs: 60_000, what: "the end of all containers" })).toBe(true);
});
