/** A real agent with eight simulated GPUs, scraped as Prometheus does it. */
import { spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { credentialFile, keyFile } from "@remotegpu/agent/config/config";
import { AGENT_FAMILIES } from "@remotegpu/agent/core/metrics/families";
import { simulatedGpuUuid } from "@remotegpu/agent/host/gpus/simulated/simulated-gpus";
import { saveCredential } from "@remotegpu/agent/link/credential";
import { METRIC_PREFIX } from "@remotegpu/shared/metrics/metric-family";
import { afterAll, beforeAll, expect, test } from "vitest";
import { EmptyAccess } from "../../support/agent/empty-access.ts";
import { ScriptedControlPlane, type ScriptedHost } from "../../support/agent/scripted-control-plane.ts";
import { importBusyboxImage, newHostId, removeLabelled } from "../../support/containers/docker.ts";
import { eventually } from "../../support/eventually.ts";
import { AGENT, Program } from "../../support/programs/program.ts";
import { desiredOf } from "../../support/samples/desired-instance.ts";

const GPUS = 8;
/** What the page of metrics promises: about 200 of the agent, and 22 of each GPU. */
const MOST_SERIES = 200 + 22 * GPUS;
const hasPromtool = spawnSync("promtool", ["--version"]).error === undefined;
if (!hasPromtool) console.warn("promtool is not installed here: what it checks is left out.");

let host: ScriptedHost;
let agent: Program;
let settingsFile: string;
let gpu: string;

/** Ended from the last to the first, each although another fails. */
const ending = new AsyncDisposableStack();
beforeAll(async () => {
  await importBusyboxImage();
  const controlPlane = ending.adopt(await ScriptedControlPlane.start(), (one) => one.close());
  const hostId = newHostId();
  gpu = simulatedGpuUuid(hostId, 0);
  const stateDir = await mkdtemp(join(tmpdir(), "rg-metrics-"));
  ending.defer(() => rm(stateDir, { recursive: true, force: true }));
  ending.defer(() => removeLabelled(hostId));
  const admitted = await controlPlane.admit(hostId);
  ({ host } = admitted);
  const { key, grant } = admitted.credential;
  await writeFile(keyFile(stateDir), key.seed, { mode: 0o600 });
  const credential = { apiUrl: "http://127.0.0.1:9", grant, receivedAtMs: Date.now() };
  saveCredential(credentialFile(stateDir), credential);
  ending.adopt(await EmptyAccess.open(stateDir), (access) => access.close());
  settingsFile = join(stateDir, "agent.env");
  await writeFile(settingsFile, "REMOTEGPU_LOG_LEVEL=info\n", { mode: 0o600 });
  const settings = {
    REMOTEGPU_CONFIG_FILE: settingsFile,
    REMOTEGPU_STATE_DIR: stateDir,
    REMOTEGPU_SIMULATED_GPUS: String(GPUS),
    REMOTEGPU_METRICS_LISTEN: "127.0.0.1:0",
    REMOTEGPU_METRICS_HOLDERS: "1",
    REMOTEGPU_CANARY: "0",
    REMOTEGPU_RAISE_LIMITS: "0",
    REMOTEGPU_CLEAN_ON_EXIT: "1",
    REMOTEGPU_EXIT_WITH_STDIN: "1",
  };
  agent = ending.adopt(new Program(AGENT, settings, join(stateDir, "agent.log")), (one) => one.stop());
  agent.start();
  host.order([desiredOf("a", { gpus: [{ uuid: simulatedGpuUuid(hostId, 0), memoryMib: null }] })]);
  await host.reported("run-a", { phase: "ready" });
});
afterAll(() => ending.disposeAsync());

async function scrape(): Promise<string> {
  const port = await eventually(() => /"port":(\d+),"msg":"serving metrics"/.exec(agent.output())?.[1], {
    what: "the port of the metrics",
  });
  return await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
}

const seriesOf = (text: string) => text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));

/** Series by what stands before their value. */
function valuesOf(text: string): Map<string, number> {
  return new Map(
    seriesOf(text).map((line) => {
      const at = line.lastIndexOf(" ");
      return [line.slice(METRIC_PREFIX.length, at), Number(line.slice(at + 1))];
    }),
  );
}

/** They have no value, and so no type, before the access process reports its ports and before a GPU fails. */
const LATER = new Set(["agent_port_leases", "gpu_xid_errors_total"].map((name) => METRIC_PREFIX + name));

test("a scrape has each family of the table that has a value, with its type", async () => {
  const text = await scrape();
  const types = new Map([...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name, type]));

  const wrong = AGENT_FAMILIES.map(({ name, type }) => ({ name: METRIC_PREFIX + name, type })).filter(
    ({ name, type }) => types.get(name) !== type && !(LATER.has(name) && !types.has(name)),
  );
  expect(wrong).toEqual([]);
  expect(types.size).toBeGreaterThanOrEqual(AGENT_FAMILIES.length - LATER.size);
});

test("the values are those of an agent that runs an environment on one of eight GPUs", async () => {
  let values = new Map<string, number>();
  await eventually(
    async () => {
      values = valuesOf(await scrape());
      return (
        values.get("agent_journal_confirmed_seq") !== 0 && values.has('agent_disk_free_bytes{area="data"}')
      );
    },
    { what: "a confirmed row and a look at the disks" },
  );

  expect(Object.fromEntries(values)).toMatchObject({
    agent_link_connected: 1,
    agent_outbox_rows: expect.any(Number),
    'agent_containers{kind="environment",state="running"}': 1,
    'agent_actions_total{kind="start",result="ok"}': 1,
    'agent_actions_total{kind="start",result="failed"}': 0,
    'agent_journal_errors_total{kind="disk-full"}': 0,
    'agent_runtime_call_duration_seconds_count{call="create"}': 1,
    'agent_runtime_call_timeouts_total{call="create"}': 0,
    [`gpu_allocated{gpu="${gpu}",kind="environment"}`]: 1,
    [`gpu_allocated{gpu="${gpu}",kind="training"}`]: 0,
    [`gpu_health_state{gpu="${gpu}",state="healthy"}`]: 1,
    [`gpu_holder_info{gpu="${gpu}",instance="env-a"}`]: 1,
    [`gpu_memory_total_bytes{gpu="${gpu}"}`]: expect.any(Number),
    [`gpu_sm_clock_hertz{gpu="${gpu}"}`]: expect.any(Number),
    [`gpu_ecc_errors_total{gpu="${gpu}",severity="corrected"}`]: 0,
  });
  expect(values.get("agent_journal_head_seq")).toBeGreaterThan(0);
  expect(values.get("agent_loop_duration_seconds_count")).toBeGreaterThan(0);
  expect(values.get("agent_credential_expiry_timestamp_seconds")).toBeGreaterThan(Date.now() / 1000);
  expect(values.get("agent_journal_size_bytes")).toBeGreaterThan(0);
  expect(Math.abs(values.get("agent_clock_offset_seconds") ?? Number.NaN)).toBeLessThan(60);
});

test("the number of series is bounded", async () => {
  const series = seriesOf(await scrape());
  const gpus = series.filter((line) => line.startsWith(`${METRIC_PREFIX}gpu_info{`));

  expect(gpus).toHaveLength(GPUS);
  expect(series.length).toBeLessThanOrEqual(MOST_SERIES);
});

test.skipIf(!hasPromtool)(
  "promtool has nothing to say against a scrape (left out where it is not installed)",
  async () => {
    const { status, stdout, stderr } = spawnSync("promtool", ["check", "metrics"], {
      input: await scrape(),
      encoding: "utf8",
    });

    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: "", stderr: "" });
  },
);

test("told to reload, the agent takes the log's form and names what waits for a restart, and works on", async () => {
  const { pid } = agent;
  await writeFile(settingsFile, "REMOTEGPU_LOG_FORMAT=text\nREMOTEGPU_RUN_FILES=7\n");

  process.kill(pid ?? 0, "SIGHUP");

  const pending = "changed settings take effect at the next restart";
  const find = () =>
    agent
      .output()
      .split("\n")
      .find((line) => line.includes(pending));
  expect(await eventually(find, { what: pending })).toMatch(
    /^\S+Z WARN  .* settings=\["REMOTEGPU_RUN_FILES"\]$/,
  );
  expect([agent.isEnded, agent.pid]).toEqual([false, pid]);
  expect(valuesOf(await scrape()).get("agent_link_connected")).toBe(1);
});
