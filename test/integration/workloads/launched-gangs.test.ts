/** Jobs of which one rank starts the processes of all, with hosts that a test speaks for: whose end is the job's, and who has which key. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { featuresFor } from "@remotegpu/shared/instance/features";
import type { DesiredInstance } from "@remotegpu/shared/instance/instance";
import { databaseOfFile } from "../../support/engines/postgres.ts";
import { openControlScene, type ScriptedHost } from "../../support/worlds/control-scene.ts";
import { GangScene } from "../../support/worlds/fleet/gang-scene.ts";

const MPI = { distributed_config: { framework: "mpi" }, command: "mpirun hostname" } as const;

let gangs: GangScene;

const emptyDatabase = databaseOfFile();
beforeEach(async () => {
  gangs = await GangScene.begin(await openControlScene(await emptyDatabase()), 2);
});
afterEach(async () => await gangs.scene.close());

const rows = async (sql: string, values: unknown[] = []) =>
  (await gangs.scene.api.db.query<{ text: string }>(sql, values)).rows;

async function hostsOf(id: string): Promise<[ScriptedHost, ScriptedHost]> {
  const [first, other] = await gangs.hostsOf(id);
  if (first === undefined || other === undefined) throw new Error(`${id} has no two ranks`);
  return [first, other];
}

async function orderOf(host: ScriptedHost): Promise<DesiredInstance> {
  const [order] = await host.pull();
  if (order === undefined) throw new Error(`${host.id} is told nothing`);
  return order;
}

describe("a job by MPI", () => {
  test("runs its command on rank 0 alone, and is completed when that is, whatever becomes of the others", async () => {
    const id = await gangs.runs(MPI);
    const [first, other] = await hostsOf(id);
    expect(await orderOf(first)).toMatchObject({ spec: { command: MPI.command, launch: { role: "leads" } } });
    expect(await orderOf(other)).toMatchObject({ spec: { command: null, launch: { role: "follows" } } });

    await gangs.print({ phase: "stopped", exitCode: 0, problem: "exited" }, first);
    await gangs.scene.workloads();
    expect(await gangs.job(id)).toMatchObject({
      status: "stopping",
      status_reason: "Rank 0 has ended; the others end with it.",
    });
    expect(await orderOf(other)).toMatchObject({ want: "stopped", orderedBy: "control-plane" });
    await gangs.print({ phase: "stopped", exitCode: 143 }, other);
    await gangs.scene.workloads();

    expect(await gangs.job(id)).toMatchObject({ status: "completed", status_reason: null, attempt: 1 });
    await gangs.round();
    expect(await rows("SELECT FROM placements WHERE resources_released_at IS NULL")).toEqual([]);
  });

  test("has failed as rank 0 has, with its exit code", async () => {
    const id = await gangs.runs(MPI);
    const [first, other] = await hostsOf(id);

    await gangs.print({ phase: "failed", exitCode: 7, problem: "exited" }, first);
    await gangs.scene.workloads();
    await gangs.print({ phase: "stopped", exitCode: 143 }, other);
    await gangs.scene.workloads();

    const { status, status_reason: reason, instances } = await gangs.job(id);
    expect([status, reason, instances[0]?.exit_code]).toEqual([
      "failed",
      expect.stringContaining("exit code 7"),
      7,
    ]);
  });

  test.each([
    ["is used up its memory", { phase: "failed", exitCode: 137, problem: "out-of-memory" }, "failed"],
    ["has ended by itself with 0", { phase: "stopped", exitCode: 0, problem: "exited" }, "failed"],
    ["has lost its container", { phase: "failed", problem: "container-lost" }, "queued"],
  ] as const)("breaks when another rank %s", async (_what, report, status) => {
    const id = await gangs.runs(MPI);
    const [first, other] = await hostsOf(id);

    await gangs.print(report, other);
    await gangs.scene.workloads();
    expect(await orderOf(first)).toMatchObject({ want: "stopped" });
    await gangs.print({ phase: "stopped", exitCode: 143 }, first);
    await gangs.scene.workloads();

    expect(await gangs.job(id)).toMatchObject({ status });
  });

  test("is not placed on hosts whose agents cannot do it, and why states so", async () => {
    for (const host of gangs.hosts)
      await rows("UPDATE hosts SET features = array_remove(features, 'launch') WHERE id = $1", [host.id]);

    const { body } = await gangs.order(MPI);
    await gangs.scene.schedule();

    const { hosts } = (await gangs.request("GET", `/${body.id}/why`)).body;
    expect(hosts[0].obstacles).toEqual([
      expect.stringContaining("let one rank of a job start processes on the others"),
    ]);
  });

  test("of one rank is a plain one", async () => {
    const id = await gangs.placed({ ...MPI, node_count: 1 });
    const [host] = await gangs.hostsOf(id);

    const { spec } = await orderOf(host!);

    expect([spec.command, spec.launch, featuresFor({ spec })]).toEqual([
      MPI.command,
      undefined,
      ["restarts-never"],
    ]);
  });

  test("takes no variable of a customer for one of its own", async () => {
    const refused = await gangs.order({ ...MPI, env_vars: { OMPI_MCA_plm_rsh_agent: "rsh", RANK: "3" } });

    expect([refused.status, refused.body.errors.map(({ path }: { path: string }) => path)]).toEqual([
      422,
      ["env_vars.OMPI_MCA_plm_rsh_agent"],
    ]);
  });
});

describe("its keys", () => {
  test("are sent each rank's host for this attempt alone, and stored nowhere else", async () => {
    const id = await gangs.runs(MPI);
    const [first, other] = await hostsOf(id);
    const [leads, follows] = [(await orderOf(first)).live.rankKeys, (await orderOf(other)).live.rankKeys];
    const { rankKeys } = gangs.scene.api;

    expect(leads).toEqual(rankKeys.keysOf({ workloadId: id, attempt: 1, role: "leads" }));
    expect(follows).toEqual(rankKeys.keysOf({ workloadId: id, attempt: 1, role: "follows" }));
    const secret = leads?.privateKey.split("\n")[1] ?? "";
    for (const table of ["placements", "runs", "events", "training_jobs", "instances"])
      expect(
        await rows(`SELECT t::text AS text FROM ${table} t WHERE t::text LIKE '%' || $1 || '%'`, [secret]),
      ).toEqual([]);

    await gangs.request("POST", `/${id}/cancel`);
    expect((await orderOf(first)).live).not.toHaveProperty("rankKeys");
    await gangs.round();
    await gangs.scene.workloads();
    await gangs.request("POST", `/${id}/retry`);
    await gangs.round();
    await gangs.scene.schedule();
    const [again] = await hostsOf(id);
    expect((await orderOf(again)).live.rankKeys).toEqual(
      rankKeys.keysOf({ workloadId: id, attempt: 2, role: "leads" }),
    );
  });
});
