/**
 * Gangs over hosts that stand on one line, each with a network and a container runtime of its own: what the ranks find of
 * each other, what is found before they go, and what becomes of them when something breaks. GANG_LONG=1 waits for what
 * takes minutes, too (npm run proof:gangs).
 */
import { mkdtempSync, rmdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, afterEach, beforeAll, describe, expect, test, type TestContext } from "vitest";
import { z } from "zod";
import type { Row } from "../support/http/path-client.ts";
import { MIB } from "@remotegpu/shared/values/units";
import { type FreshDatabase, freshDatabase } from "../support/engines/postgres.ts";
import { eventually } from "../support/eventually.ts";
import { importMpiImage, MPI_IMAGE } from "../support/containers/images/mpi-image.ts";
import { BUSYBOX_IMAGE } from "../support/samples/desired-instance.ts";
import { House, type HostProcess } from "../support/worlds/house.ts";
import { LinkedHosts } from "../support/worlds/fleet/linked-hosts.ts";

const HOSTS = 3;
const CARDS = 2;
const SMALL = 2;
const SMALL_MIB = 64;
const WITHIN_MS = 130_000;
/** `npm run proof:gangs` waits for silences of a quarter of a minute and of two. */
const IS_SHORT = process.env["GANG_LONG"] === undefined;
/** More than one of these may be waited for. */
const STORY_MS = 400_000;
/** Each serves its number, and asks all others for theirs by name. */
const MEET = `(while :; do echo "$RANK" | nc -l -p 7000; done) &
for name in $(echo "$REMOTEGPU_RANKS" | tr , ' '); do
  until got=$(nc -w 2 "$name" 7000 </dev/null 2>/dev/null) && [ -n "$got" ]; do sleep 0.2; done
  echo "met rank $got of $WORLD_SIZE"
done
sleep 3`;
const WAIT = "exec sleep 600";
/** Without cards, so that others fit beside it, and still one rank for each host. */
const BESIDE = { gpu: 0, config: { distinct_hosts: true } };

const Instances = z.array(
  z.looseObject({
    rank: z.int(),
    host_id: z.string().nullable(),
    exit_code: z.int().nullable(),
    container_id: z.string().nullable(),
    gang: z
      .looseObject({
        held_at: z.string().nullable(),
        findings: z.array(z.looseObject({ check: z.string(), is_passed: z.boolean() })),
      })
      .nullable(),
    runs: z.array(
      z.looseObject({
        proven_ms: z.number(),
        billed_minutes: z.number(),
        end: z.looseObject({ tail: z.string().nullable() }).nullable(),
      }),
    ),
  }),
);

/** Of the two between which nothing goes: what was found, and soon why they are not tried together. */
const UNREACHED =
  /preflight failed: rank \d on host host-[12] does not reach rank \d on host host-[12]|did not reach each other: host-[12] and host-[12]/;

const ending = new AsyncDisposableStack();
let database: FreshDatabase;
let linked: LinkedHosts;
let house: House;
/** The pool of the last host, a disk of its own that is soon full. */
let smallPool: string;
let jobs = 0;

beforeAll(async () => {
  database = ending.adopt(await freshDatabase(), (one) => one.drop());
  linked = ending.adopt(await LinkedHosts.begin({ count: HOSTS }), (one) => one.end());
  smallPool = ending.adopt(await smallDisk(), (folder) => removeDisk(folder));
  house = ending.adopt(
    await House.open({ hosts: 0, address: linked.outside, settings: { DATABASE_URL: database.url } }),
    (one) => one.close(),
  );
  for (const [number, { runtime }] of linked.hosts.entries())
    await house.addHost(
      {
        REMOTEGPU_RUNTIME_SOCKET: runtime.socketPath,
        REMOTEGPU_SIMULATED_GPUS: String(CARDS),
        ...(number === SMALL && { REMOTEGPU_POOL_FOLDER: smallPool }),
      },
      { network: runtime.namespace },
    );
}, STORY_MS);
afterAll(() => ending.disposeAsync(), STORY_MS);

async function smallDisk(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "rg-small-pool-"));
  await execa("mount", ["-t", "tmpfs", "-o", `size=${SMALL_MIB}m,mode=755`, "tmpfs", folder]);
  return folder;
}

async function removeDisk(folder: string): Promise<void> {
  await execa("umount", ["--lazy", folder]);
  rmdirSync(folder);
}

type Story = Pick<TestContext, "onTestFinished">;

/** One rank for each host, since each takes all cards of one. It is over when its story is. */
async function order(story: Story, command: string, change: object = {}): Promise<string> {
  const { id } = await house.customer.post("/training-jobs", {
    name: `gang-${(jobs += 1)}`,
    image: BUSYBOX_IMAGE,
    command,
    cpu: 1,
    memory: 64 * MIB,
    gpu: CARDS,
    node_count: HOSTS,
    ...change,
  });
  story.onTestFinished(() => ended(String(id)), STORY_MS);
  return String(id);
}

async function ended(id: string): Promise<void> {
  if (isOver(await check(id))) return;
  await house.customer.post(`/training-jobs/${id}/cancel`);
  await over(id);
}

const check = (id: string) => house.customer.get(`/training-jobs/${id}`);

async function seen(id: string, what: string, isSeen: (row: Row) => boolean): Promise<Row> {
  let last: Row = {};
  try {
    return await eventually(
      async () => {
        last = await check(id);
        return isSeen(last) && last;
      },
      { withinMs: WITHIN_MS, what },
    );
  } catch (error) {
    // What it is instead says more than that it was not.
    throw new Error(`job ${id} is ${String(last["status"])}: ${String(last["status_reason"])}`, {
      cause: error,
    });
  }
}
const status = (id: string, wanted: string) => seen(id, wanted, (row) => row["status"] === wanted);
const reasonOf = ({ status_reason: reason }: Row) => (typeof reason === "string" ? reason : "");
const isOver = ({ status: is }: Row) => ["completed", "failed", "cancelled"].includes(String(is));
const over = (id: string) => seen(id, "its end", isOver);

async function instances(id: string) {
  const found = Instances.parse(await house.customer.rows(`/training-jobs/${id}/instances`));
  return found.toSorted((a, b) => a.rank - b.rank);
}

/** What stands on a host for gangs: devices and networks. */
async function traces(host: number): Promise<string[]> {
  const { runtime } = linked.hosts[host] ?? { runtime: undefined };
  if (runtime === undefined) throw new Error(`there is no host ${host}`);
  const { stdout } = await execa("ip", ["-netns", runtime.namespace, "-o", "link", "show", "type", "vxlan"]);
  return stdout.split("\n").filter((line) => line !== "");
}

const agentOf = (host: number): HostProcess => {
  const found = house.hosts[host];
  if (found === undefined) throw new Error(`there is no host ${host}`);
  return found;
};

describe("a gang", { timeout: STORY_MS }, () => {
  test.concurrent("begins on all hosts at once, its ranks meet by name, and nothing of it stays", async (story) => {
    const id = await order(story, MEET);

    const job = await over(id);

    const ranks = await instances(id);
    expect([job["status"], job["status_reason"]]).toEqual(["completed", null]);
    expect(new Set(ranks.map(({ host_id: host }) => host)).size).toBe(HOSTS);
    for (const { runs } of ranks)
      expect(runs.at(-1)?.end?.tail).toBe([0, 1, 2].map((rank) => `met rank ${rank} of ${HOSTS}\n`).join(""));
    for (let host = 0; host < HOSTS; host += 1)
      await eventually(async () => (await traces(host)).length === 0, {
        what: `nothing left on host ${host}`,
      });
  });

  test.concurrent("one rank of which fails ends on all, and names the rank", async (story) => {
    const id = await order(story, `[ "$RANK" = 1 ] && sleep 2 && exit 3; ${WAIT}`, BESIDE);

    const job = await over(id);

    expect([job["status"], job["status_reason"]]).toEqual(["failed", expect.stringContaining("Rank 1")]);
    expect((await instances(id))[1]?.exit_code).toBe(3);
  });

  test.concurrent("two stand beside each other on the same hosts", async (story) => {
    const both = await Promise.all([order(story, MEET, BESIDE), order(story, MEET, BESIDE)]);

    for (const id of both) expect(await over(id)).toMatchObject({ status: "completed" });
  });

  test("a control plane that is killed while it is held, and while it runs, goes on with it", async (story) => {
    const id = await order(story, MEET.replace("sleep 3", "sleep 8"));
    await seen(id, "placed", (row) => row["placed_at"] !== null);
    await house.controlPlane.kill();
    house.controlPlane.start();
    await house.serves();
    await status(id, "running");
    await house.controlPlane.kill();
    house.controlPlane.start();
    await house.serves();

    expect(await over(id)).toMatchObject({ status: "completed" });
  });

  test("an agent that is killed while its rank runs finds it again, and leaves no device at its end", async (story) => {
    const id = await order(story, MEET.replace("sleep 3", "sleep 6"));
    await status(id, "running");
    await agentOf(1).agent.kill();
    agentOf(1).agent.start();

    expect(await over(id)).toMatchObject({ status: "completed" });
    await eventually(async () => (await traces(1)).length === 0, { what: "no device of it" });
  });
});

const REDUCE = `from mpi4py import MPI
import os
world = MPI.COMM_WORLD
total = world.allreduce(world.rank + 1)
print(MPI.Get_processor_name(), os.environ["NODE_RANK"], os.environ["LESSON"], os.getuid(), total, sep=" ", flush=True)`;

describe("a gang of which one rank starts the processes of all", { timeout: STORY_MS }, () => {
  beforeAll(async () => {
    await importMpiImage();
    for (const { runtime } of linked.hosts) await runtime.bring(MPI_IMAGE);
    await house.admin.post("/images", { name: MPI_IMAGE });
  }, STORY_MS);

  const launched = (story: Story, command: string, change: object = {}) =>
    order(story, command, { image: MPI_IMAGE, distributed_config: { framework: "mpi" }, ...change });
  const tails = async (id: string) => (await instances(id)).map(({ runs }) => runs.at(-1)?.end?.tail ?? null);

  test("is one plain mpirun of an image without SSH, and ends as that does", async (story) => {
    // More processes than this machine has processors, which would wait for each other at full speed.
    const env_vars = { LESSON: "$HOME 'one'", OMPI_MCA_mpi_yield_when_idle: "1" };
    const id = await launched(story, `mpirun python3 -c '${REDUCE}'`, { env_vars });

    const job = await over(id);

    const [first, ...others] = await tails(id);
    // On a busy machine mpirun warns of its own.
    const output = first?.split("\n").filter((line) => line.startsWith(id));
    expect([job["status"], output?.toSorted(), others]).toEqual([
      "completed",
      [0, 0, 1, 1, 2, 2].map((rank) => `${id}-${rank} ${rank} $HOME 'one' 1000 21`),
      ["", ""],
    ]);
  });

  test("has the exit code of its first rank", async (story) => {
    const id = await launched(story, `mpirun sh -c '[ "$NODE_RANK" = 2 ] && exit 7; sleep 600'`);

    const job = await over(id);

    expect([job["status"], (await instances(id))[0]?.exit_code]).toEqual(["failed", 7]);
  });
});

// Before a line is cut: hosts that did not reach each other are kept apart for an hour.
describe("a disk that fills before a gang goes", { timeout: STORY_MS }, () => {
  const filler = () => join(smallPool, "of-the-host");
  /** All ranks are held but one, whose agent stands still, and the disk of another's host is full. */
  async function heldByDisk(story: Story, change: object = {}): Promise<string> {
    agentOf(0).agent.pause();
    const id = await order(story, WAIT, change);
    const ofSmall = async () =>
      (await instances(id)).find(({ host_id: host }) => host === agentOf(SMALL).id)?.gang ?? null;
    const what = "a rank that is held";
    await eventually(async () => ((await ofSmall())?.held_at ?? null) !== null, {
      withinMs: WITHIN_MS,
      what,
    });
    await execa("fallocate", ["--length", `${SMALL_MIB - 1}M`, filler()]);
    await eventually(
      async () => (await ofSmall())?.findings.some((found) => found.check === "disk" && !found.is_passed),
      { withinMs: WITHIN_MS, what: "that its disk is full" },
    );
    agentOf(0).agent.resume();
    return id;
  }
  afterEach(() => {
    agentOf(0).agent.resume();
    rmSync(filler(), { force: true });
  });

  test("is named with its host, all is given back, and nothing of it costs anything", async (story) => {
    const id = await heldByDisk(story);

    const job = await seen(id, "the finding", (row) =>
      /host host-3: A disk .* is nearly full/i.test(reasonOf(row)),
    );

    expect(job["status"]).toBe("queued");
    expect(reasonOf(job)).toContain("free of charge");
    await house.customer.post(`/training-jobs/${id}/cancel`);
    expect(await over(id)).toMatchObject({ status: "cancelled" });
    for (let host = 0; host < HOSTS; host += 1)
      await eventually(async () => (await traces(host)).length === 0, {
        what: `nothing left on host ${host}`,
      });
    for (const { runs } of await instances(id))
      for (const run of runs) expect([run.proven_ms, run.billed_minutes]).toEqual([0, 0]);
    expect(await house.customer.rows("/billing/records", { resource_id: id })).toEqual([]);
  });

  test.skipIf(IS_SHORT)(
    "keeps it no longer than it is full (left out but for npm run proof:gangs)",
    async (story) => {
      const id = await heldByDisk(story);

      rmSync(filler());

      expect(await status(id, "running")).toMatchObject({ attempt: 1 });
    },
  );

  test.skipIf(IS_SHORT)(
    "and stays so for a minute ends the attempt, names the host, and costs nothing (left out but for npm run proof:gangs)",
    async (story) => {
      const id = await heldByDisk(story, { config: { max_infrastructure_retries: 0 } });

      const job = await over(id);

      expect(job["status"]).toBe("failed");
      expect(reasonOf(job)).toMatch(/^The preflight failed: .*host host-3: A disk .* is nearly full/i);
      for (let host = 0; host < HOSTS; host += 1)
        await eventually(async () => (await traces(host)).length === 0, {
          what: `nothing left on host ${host}`,
        });
      expect(await house.customer.rows("/billing/records", { resource_id: id })).toEqual([]);
    },
  );
});

describe("a cut line", { timeout: STORY_MS }, () => {
  test("is named before the gang goes, which costs nothing", async (story) => {
    await linked.cut(0, 1);
    try {
      const id = await order(story, WAIT);

      const job = await seen(id, "a finding", (row) => UNREACHED.test(reasonOf(row)));

      expect(["queued", "pending", "stopping"]).toContain(job["status"]);
      for (const { runs } of await instances(id))
        for (const run of runs) expect([run.proven_ms, run.billed_minutes]).toEqual([0, 0]);
    } finally {
      await linked.mend(0, 1);
    }
  });

  // Both of its halves are in the suite: what its hosts tell (integration/agent/gang-hosts) and what its customer reads
  // (integration/workloads/gangs).
  test.skipIf(IS_SHORT)(
    "is named while it runs, and no more once it is mended (left out but for npm run proof:gangs)",
    async (story) => {
      const id = await order(story, WAIT, { node_count: 2, gpu: 0 });
      await status(id, "running");
      const hosts = (await instances(id)).map(({ host_id: host }) =>
        house.hosts.findIndex((one) => one.id === host),
      );
      const [from = 0, to = 1] = hosts;
      await linked.cut(from, to);

      await seen(id, "the cut", (row) => /hears nothing from rank/.test(reasonOf(row)));
      await linked.mend(from, to);

      expect(await seen(id, "no cut", (row) => reasonOf(row) === "")).toMatchObject({ status: "running" });
    },
  );
});

/** The rank's container on the runtime of its host. */
async function containerOf(id: string, rank: number) {
  const found = (await instances(id))[rank];
  const host = house.hosts.findIndex((one) => one.id === found?.host_id);
  const { runtime } = linked.hosts[host] ?? {};
  if (runtime === undefined || found?.container_id == null) throw new Error(`rank ${rank} is nowhere`);
  return runtime.client.getContainer(found.container_id);
}

describe.concurrent(
  "a rank whose container somebody pauses, while its host and its network answer",
  { timeout: STORY_MS },
  () => {
    test("is named while it is frozen, and no more once it goes on", async (story) => {
      const id = await order(story, WAIT, { node_count: 2, gpu: 0 });
      await status(id, "running");
      const container = await containerOf(id, 1);
      await container.pause();

      await seen(id, "that it is frozen", (row) => /^Rank 1 on host host-\d is frozen/.test(reasonOf(row)));
      await container.unpause();

      expect(await seen(id, "no word of it", (row) => reasonOf(row) === "")).toMatchObject({
        status: "running",
      });
    });
  },
);

test.concurrent(
  "a gang all of whose ranks wait has stalled, and each rank's processes are listed",
  { timeout: STORY_MS },
  async (story) => {
    const id = await order(story, WAIT, { node_count: 2, gpu: 0, config: { stall_minutes: 0.1 } });
    await status(id, "running");

    const job = await seen(id, "its stall", (row) =>
      reasonOf(row).startsWith("All 2 ranks do nothing any more"),
    );

    expect(job["status"]).toBe("running");
    const events = await house.customer.rows(`/training-jobs/${id}/events`);
    expect(events.filter(({ kind }) => kind === "stalled").map(({ reason }) => reason)).toEqual([
      expect.stringMatching(/Rank 0: .*sleep \(S.*; rank 1: .*sleep \(S/),
    ]);
  },
);

test.skipIf(IS_SHORT)(
  "a host that falls silent ends the others within two minutes, and another attempt follows once it is sure that it has none (left out but for npm run proof:gangs)",
  { timeout: STORY_MS },
  async (story) => {
    const id = await order(story, WAIT);
    await status(id, "running");
    const silent = agentOf(2);
    const others = [0, 1];
    for (const other of others) await linked.cut(2, other);
    silent.agent.pause();
    try {
      const job = await seen(id, "a stop", (row) => row["status"] !== "running");

      expect([job["status"], reasonOf(job)]).toEqual([
        "stopping",
        expect.stringContaining("host host-3 is not heard any more"),
      ]);
    } finally {
      silent.agent.resume();
      for (const other of others) await linked.mend(2, other);
    }
    expect(await seen(id, "another attempt", (row) => row["attempt"] === 2)).toMatchObject({
      status: "queued",
    });
  },
);

test.skipIf(IS_SHORT)(
  "a rank that is frozen for 90 seconds ends the others within two minutes, and another attempt follows elsewhere (left out but for npm run proof:gangs)",
  { timeout: STORY_MS },
  async (story) => {
    const id = await order(story, WAIT, { node_count: 2, gpu: 0 });
    await status(id, "running");
    const frozenHost = (await instances(id))[1]?.host_id;
    await (await containerOf(id, 1)).pause();
    const pausedAtMs = Date.now();

    const job = await seen(id, "a stop", (row) => row["status"] !== "running");

    expect(Date.now() - pausedAtMs).toBeLessThan(120_000);
    expect(job["status_reason"]).toMatch(
      /^Rank 1: its container on host host-\d has been frozen from outside for 90 seconds/,
    );
    await seen(id, "another attempt that runs", (row) => row["attempt"] === 2 && row["status"] === "running");
    expect((await instances(id)).map(({ host_id: host }) => host)).not.toContain(frozenHost);
  },
);
