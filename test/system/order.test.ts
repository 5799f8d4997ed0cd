/** The way of one order on real parts, as a customer sees it: from HTTP to a container with a GPU to a bill. */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect } from "node:tls";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { AccessAuthority } from "@remotegpu/control-plane/server/link/identity/access-authority";
import { openOperator } from "@remotegpu/control-plane/server/link/servers/operator";
import { accessName } from "@remotegpu/shared/messages/joining";
import { parsePoints } from "@remotegpu/shared/values/money";
import { eventually } from "../support/eventually.ts";
import { BUSYBOX_IMAGE } from "../support/samples/desired-instance.ts";
import { House } from "../support/worlds/house.ts";

const LITERAL = 'first line\nsecond "quoted" $(id) `id` ; | & \'\\ ünï';

/** Of the restart: its client has a tracing system. */
const TRACE_ID = randomBytes(16).toString("hex");
const CLIENT_SPAN_ID = randomBytes(8).toString("hex");

const LogLine = z.looseObject({ msg: z.string(), trace_id: z.string(), span_id: z.string() });
const Event = z.looseObject({
  kind: z.string(),
  new: z.string().nullable(),
  actor: z.string(),
  reason: z.string().nullable(),
  trace_id: z.string().nullable(),
});

const View = z.looseObject({
  simulated: z.boolean(),
  instances: z.array(
    z.looseObject({
      gpus: z.array(z.looseObject({ uuid: z.string(), simulated: z.boolean() })),
      runs: z.array(
        z.looseObject({
          id: z.string(),
          proven_ms: z.number(),
          billed_minutes: z.number(),
          end: z.looseObject({ exit_code: z.number().nullable(), signal: z.string().nullable() }).nullable(),
        }),
      ),
    }),
  ),
});

const StorageDays = z.looseObject({
  open: z.array(z.looseObject({ samples: z.number(), average_gb: z.string() })),
});

let house: House;
let environmentId: string;
let pool: string;

beforeAll(async () => {
  house = await House.open({ hosts: 0 });
  pool = join(house.folder, "pool");
  const own = await house.customer.post("/datasets", { name: "own" });
  mkdirSync(join(pool, String(own.storage_path)), { recursive: true });
  writeFileSync(join(pool, String(own.storage_path), "file"), Buffer.alloc(2 ** 20, 1));
  // Its folder was filled by hand, and is measured where an administrator says that it lies.
  const { token } = await house.admin.post("/join-tokens", { storage_pool: "pool-a" });
  await house.admin.patch(`/datasets/${String(own.id)}`, { storage_pools: ["pool-a"] });
  await house.addHost({ REMOTEGPU_POOL_FOLDER: pool, REMOTEGPU_JOIN_TOKEN: String(token) });
});
afterAll(async () => {
  await house?.close();
});

async function exec(...argv: string[]): Promise<string> {
  const answer = await house.customer.post(`/environments/${environmentId}/exec`, { argv });
  expect(answer).toMatchObject({ exit_code: 0 });
  return String(answer.stdout);
}

/**
 * As the house's own clients do, but for their trace, which is one for all of their requests. The host has just sent a
 * heartbeat: the next one, whose answer leads to a pull as well, is seconds away.
 */
async function restartInTrace(): Promise<void> {
  const path = `/hosts/${house.hosts[0]?.id}`;
  const before = (await house.admin.get(path)).last_heartbeat;
  await eventually(async () => (await house.admin.get(path)).last_heartbeat !== before, {
    what: "a heartbeat",
  });
  const answer = await fetch(`${house.url}/api/v1/environments/${environmentId}/restart`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${house.customerKey}`,
      traceparent: `00-${TRACE_ID}-${CLIENT_SPAN_ID}-01`,
    },
  });
  expect(answer.headers.get("traceresponse")).toContain(TRACE_ID);
  expect(answer.ok).toBe(true);
}

async function visible() {
  return View.parse(await house.customer.get(`/environments/${environmentId}`));
}

test("an order with a GPU, a dataset and a model runs", async () => {
  const mounts: Record<string, { id: unknown }> = {};
  for (const [kind, route] of [
    ["data", "/datasets"],
    ["model", "/models"],
  ] as const) {
    const entry = await house.admin.post(route, {
      name: kind,
      visibility: "public",
      storage_path: `shared/${kind}`,
    });
    mkdirSync(join(pool, "shared", kind), { recursive: true });
    writeFileSync(join(pool, "shared", kind, "file"), `this is the ${kind}\n`);
    mounts[kind] = { id: entry.id };
  }

  const ordered = await house.customer.post("/environments", {
    name: "work",
    image: BUSYBOX_IMAGE,
    cpu: 1,
    memory: 256 * 2 ** 20,
    gpu: 1,
    env_vars: { LITERAL },
    mounted_datasets: [{ ...mounts.data, path: "/gemini/data-1", readonly: true }],
    mounted_models: [{ ...mounts.model, path: "/gemini/pretrain1", readonly: true }],
  });
  environmentId = String(ordered.id);

  expect(ordered).toMatchObject({ status: "queued" });
  await house.environment(environmentId, "running");
  expect(await visible()).toMatchObject({ simulated: true, instances: [{ gpus: [{ simulated: true }] }] });
});

test("a command inside sees exactly its GPU, its variables literally, and its mounts read-only", async () => {
  const gpu = (await visible()).instances[0]?.gpus[0]?.uuid;

  expect((await exec("nvidia-smi", "-L")).match(/GPU-[0-9a-f-]+/g)).toEqual([gpu]);
  expect(await exec("sh", "-c", 'printf %s "$LITERAL"')).toBe(LITERAL);
  expect(
    await exec("sh", "-c", "echo $GEMINI_CODE $GEMINI_DATA_IN1 $GEMINI_PRETRAIN1 $GEMINI_DATA_OUT"),
  ).toBe("/gemini/code /gemini/data-1 /gemini/pretrain1 /gemini/output\n");
  expect(await exec("cat", "/gemini/data-1/file", "/gemini/pretrain1/file", "/gemini/pretrain/file")).toBe(
    "this is the data\nthis is the model\nthis is the model\n",
  );
  const written = await house.customer.post(`/environments/${environmentId}/exec`, {
    argv: ["touch", "/gemini/data-1/mine"],
  });
  expect(written).toMatchObject({ exit_code: 1, stderr: expect.stringContaining("Read-only") });
});

test("its host lets in gateways of this fleet, by the certificate that came with its credential", async () => {
  const operator = await openOperator(join(house.folder, "control-plane", "operator.json"));
  const authority = await AccessAuthority.of(operator);
  const { key, certificate: cert, ca } = await authority.gateway(new Date());
  const instance = String((await visible()).instances[0]?.id);
  const { host_id: hostId } = await house.customer.get(`/environments/${environmentId}`);
  const port = await eventually(
    async () => Number((await house.admin.get(`/hosts/${String(hostId)}`)).gateway_port) || undefined,
    { what: "the port for gateways" },
  );

  const socket = connect({ port, host: "127.0.0.1", servername: accessName(String(hostId)), ca, key, cert });
  socket.write(`CONNECT ${instance}:9 HTTP/1.1\r\n\r\n`);
  const [answer] = (await once(socket, "data")) as [Buffer];
  socket.destroy();

  expect(String(answer)).toContain("503 Service Unavailable");
});

test("a command's input and exit code are its own", async () => {
  const answer = await house.customer.post(`/environments/${environmentId}/exec`, {
    argv: ["sh", "-c", "cat; exit 7"],
    stdin: "from outside\n",
  });

  expect(answer).toEqual({
    exit_code: 7,
    stdout: "from outside\n",
    stderr: "",
    truncated: false,
    encoding: "text",
  });
});

test("what the customer keeps in the host's pool was sampled when the host had joined", async () => {
  const [day] = await eventually(
    async () => {
      const { open } = StorageDays.parse(await house.customer.get("/billing/storage"));
      return open.length > 0 && open;
    },
    { what: "the sample" },
  );

  expect(day?.samples).toBe(1);
  expect(Number(day?.average_gb)).toBeGreaterThanOrEqual(2 ** -10);
  expect(Number(day?.average_gb)).toBeLessThan(2 ** -9);
});

test("the bill grows while it runs", async () => {
  const accrued = await eventually(
    async () => {
      const points = parsePoints(String((await house.customer.get("/billing/balance")).accrued));
      return points > 0n && points;
    },
    { withinMs: 60_000, what: "something accrued" },
  );

  expect(accrued).toBeGreaterThanOrEqual(parsePoints("0.0583"));
});

test("a restart is a new run in the same place; code stays, the container's own layer does not", async () => {
  const before = (await visible()).instances[0]?.runs.map((run) => run.id);
  await exec("sh", "-c", "echo kept > /gemini/code/kept; echo lost > /lost");

  await restartInTrace();
  await eventually(async () => (await visible()).instances[0]?.runs.length === 2, { what: "the second run" });
  await house.environment(environmentId, "running");

  expect(await exec("sh", "-c", "cat /gemini/code/kept; ls /lost 2>&1 || true")).toMatch(
    /^kept\n.*No such file/s,
  );
  expect((await visible()).instances[0]?.runs.map((run) => run.id)).toEqual(
    expect.arrayContaining(before ?? ["none"]),
  );
});

test("the trace of the restart goes by its nudge to the host, through the pull into the round, and its report comes back", async () => {
  const events = z.array(Event).parse(await house.customer.rows(`/environments/${environmentId}/events`));
  const log = (house.hosts[0]?.agent.output() ?? "").split("\n").filter((line) => line.startsWith("{"));
  const lines = log.map((line) => LogLine.parse(JSON.parse(line)));
  const ordered = events.filter((event) => event.trace_id === TRACE_ID);
  const performed = lines.filter((line) => line.trace_id === TRACE_ID);

  expect(ordered.map(({ kind, new: state, actor }) => `${actor}: ${kind} ${state}`)).toEqual([
    `customer ${house.customerId}: status restarting`,
    `customer ${house.customerId}: instance-state placed`,
  ]);
  const [, run = "none", successor] =
    /^run (\S+): Stopped: run (\S+) takes its place/.exec(performed[0]?.msg ?? "") ?? [];
  expect(performed[0]?.msg).toContain(`Stopped: run ${successor} takes its place`);
  expect(performed.map((line) => line.span_id)).not.toContain(CLIENT_SPAN_ID);
  const reported = events.find(
    ({ kind, reason }) => kind === "run-ended" && reason?.startsWith(`Run ${run}:`),
  );
  expect(reported?.actor).toBe(`host ${house.hosts[0]?.id}`);
  // A report tells what rounds of several orders have done, so it begins a trace of its own.
  expect(reported?.trace_id).toMatch(/^[0-9a-f]{32}$/);
  expect(reported?.trace_id).not.toBe(TRACE_ID);
});

test("a stop charges what ran, once: records, ledger and balance agree with the proven minutes", async () => {
  await house.customer.post(`/environments/${environmentId}/stop`);
  await house.environment(environmentId, "stopped");
  await eventually(
    async () =>
      (await visible()).instances
        .flatMap(({ runs }) => runs)
        .every((run) => run.closed_at !== null && run.end !== null),
    { what: "both runs closed, with their ends told" },
  );

  const runs = (await visible()).instances.flatMap((instance) => instance.runs);
  const records = await house.customer.rows("/billing/records");
  const charged = records.reduce((sum, record) => sum + parsePoints(String(record.amount)), 0n);
  const { balance, accrued } = await house.customer.get("/billing/balance");

  expect(runs).toHaveLength(2);
  expect(runs.map(({ end }) => end)).toMatchObject(
    runs.map(() => ({ phase: "stopped", exit_code: 143, signal: "SIGTERM", out_of_memory: false })),
  );
  for (const run of runs) expect(run.billed_minutes).toBe(Math.ceil(run.proven_ms / 60_000));
  expect(accrued).toBe("0.0000");
  expect(parsePoints("100") - parsePoints(String(balance))).toBe(charged);
  expect(charged).toBeGreaterThan(0n);
  expect(await house.containersOf(house.hosts[0]?.id ?? "")).toEqual([]);
});

test("metrics of the server have counted the placement, the usage and who leads", async () => {
  const text = await (await fetch(`${house.url}/metrics`)).text();

  const valueOf = (series: string) =>
    Number(
      text
        .split("\n")
        .find((line) => line.startsWith(`remotegpu_${series} `))
        ?.split(" ")
        .at(-1),
    );
  expect(valueOf("control_plane_is_leader")).toBe(1);
  expect(valueOf("control_plane_term")).toBeGreaterThanOrEqual(1);
  expect(valueOf("nats_connected")).toBe(1);
  expect(valueOf("jetstream_ack_pending_messages")).toBeGreaterThanOrEqual(0);
  expect(valueOf('placements_total{kind="environment",result="placed"}')).toBeGreaterThanOrEqual(1);
  expect(valueOf("usage_ingested_rows_total")).toBeGreaterThan(0);
  expect(valueOf(`host_journal_lag_rows{host="${house.hosts[0]?.id}"}`)).toBeGreaterThanOrEqual(0);
});

test("it starts again with its code, and is deleted whatever it does", async () => {
  await house.customer.post(`/environments/${environmentId}/start`);
  await house.environment(environmentId, "running");
  expect(await exec("cat", "/gemini/code/kept")).toBe("kept\n");

  await house.customer.delete(`/environments/${environmentId}`);

  await eventually(async () => (await house.customer.rows("/environments")).length === 0, {
    what: "the deletion",
  });
  expect(await house.containersOf(house.hosts[0]?.id ?? "")).toEqual([]);
});
