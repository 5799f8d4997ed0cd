/** Training jobs on real parts, as a customer sees them: from the command line to a container's only end and its bill. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Row } from "../support/http/path-client.ts";
import { shellText } from "@remotegpu/control-plane/cli/work/training/shell-words";
import { z } from "zod";
import { docker } from "../support/containers/docker.ts";
import { type FreshDatabase, freshDatabase } from "../support/engines/postgres.ts";
import { eventually } from "../support/eventually.ts";
import { BUSYBOX_IMAGE } from "../support/samples/desired-instance.ts";
import { commandFile } from "../support/suite/command-file.ts";
import { House, type HostProcess } from "../support/worlds/house.ts";

const SMALL = ["--image", BUSYBOX_IMAGE, "--memory", "128M"];

const Instances = z.tuple([
  z.looseObject({
    id: z.string(),
    exit_code: z.int().nullable(),
    runs: z.tuple([
      z.looseObject({
        id: z.string(),
        closed_at: z.string().nullable(),
        proven_ms: z.number(),
        billed_minutes: z.number(),
        end: z
          .looseObject({
            exit_code: z.int().nullable(),
            signal: z.string().nullable(),
            tail: z.string().nullable(),
          })
          .nullable(),
      }),
    ]),
  }),
]);

let database: FreshDatabase;
let house: House;
let host: HostProcess;
let jobs = 0;
let name: string;

/** Ended from the last to the first, each although another fails. */
const ending = new AsyncDisposableStack();
beforeAll(async () => {
  database = ending.adopt(await freshDatabase(), (one) => one.drop());
  house = ending.adopt(await House.open({ hosts: 1, settings: { DATABASE_URL: database.url } }), (one) =>
    one.close(),
  );
  const [first] = house.hosts;
  if (first === undefined) throw new Error("there is one host");
  host = first;
});
afterAll(() => ending.disposeAsync());

beforeEach(() => void (name = `job-${(jobs += 1)}`));

const ordered = (command: string, ...more: string[]) => orderedAs(name, command, ...more);

/** Ordered by the command, whose exit code is 0. */
async function orderedAs(as: string, command: string, ...more: string[]): Promise<string> {
  const done = await house.cli(["job", "create", as, ...SMALL, ...more, "--json", "--", "sh", "-c", command]);
  expect(done.stderr).toBe("");
  return String(JSON.parse(done.stdout).id);
}

async function running(command: string, ...more: string[]): Promise<string> {
  const id = await ordered(command, ...more);
  await status(id, "running");
  return id;
}

async function status(id: string, wanted: string): Promise<Row> {
  return await eventually(
    async () => {
      const row = await house.customer.get(`/training-jobs/${id}`);
      return row.status === wanted && row;
    },
    { withinMs: 60_000, what: `job ${id} ${wanted}` },
  );
}

/** Its only run, once the host's last row of it has come, and by another way what it left. */
async function closedRun(id: string) {
  return await eventually(
    async () => {
      const { items } = await house.customer.get(`/training-jobs/${id}/instances`);
      const [{ runs }] = Instances.parse(items);
      const [{ closed_at: closedAt, end }] = runs;
      return closedAt !== null && end !== null && runs[0];
    },
    { withinMs: 60_000, what: `the end of the run of job ${id}` },
  );
}

/** Of the instance, whether they run or not. */
async function containersOf(instance: string): Promise<string[]> {
  const filters = JSON.stringify({ label: [`remotegpu.instance=${instance}`] });
  return (await docker.listContainers({ all: true, filters })).map(({ Id }) => Id);
}

async function instanceOf(id: string): Promise<string> {
  const { items } = await house.customer.get(`/training-jobs/${id}/instances`);
  return Instances.parse(items)[0].id;
}

async function isGone(instance: string): Promise<void> {
  await eventually(async () => (await containersOf(instance)).length === 0, {
    withinMs: 60_000,
    what: `the removal of the container of ${instance}`,
  });
}

const output = (id: string, ...path: string[]) =>
  join(host.folder, "pool", "training-jobs", id, "output", ...path);

test("one that ends with 0 is completed, and costs the minute that it began", async () => {
  const done = await house.cli([
    "job",
    "create",
    name,
    ...SMALL,
    "--gpu",
    "1",
    "--env",
    "GREETING=it's done",
    "--wait",
    "--",
    "sh",
    "-c",
    'nvidia-smi -L; sleep 2; echo "$GREETING" | tee "$GEMINI_DATA_OUT/result"',
  ]);

  expect(done.stderr).toMatch(/^Training job job-\w+ is ordered\.\n/);
  expect(done).toMatchObject({
    exitCode: 0,
    stdout: expect.stringMatching(new RegExp(`^Training job job-\\w+ \\(${name}\\) is completed\\.$`)),
  });
  const id = /job-[0-9a-f]{20}/.exec(done.stdout)?.[0] ?? "none";
  const run = await closedRun(id);
  expect(run).toMatchObject({ billed_minutes: 1, end: { exit_code: 0, signal: null } });
  expect(run.proven_ms).toBeGreaterThan(1_000);
  expect(run.end?.tail).toMatch(/^GPU 0: .*\nit's done\n$/);
  expect((await house.cli(["job", "logs", name])).stdout).toMatch(/^GPU 0: .*\nit's done$/);
  expect((await house.cli(["job", "instances", name])).stdout).toMatch(/ stopped: exit code 0 /);
  expect(readFileSync(output(id, "attempt-1", "result"), "utf8")).toBe("it's done\n");
  const records = await house.customer.rows("/billing/records", { resource_id: id });
  expect(records.map((record) => [record.resource_type, record.billing_minutes])).toEqual([
    ["training", 1],
    ["training", 1],
    ["training", 1],
  ]);
  const proof = await house.cli([
    "proof",
    String(records[0]?.id),
    "--output",
    join(house.folder, "bill.json"),
  ]);
  expect(proof).toMatchObject({ exitCode: 0 });
  const verified = await house.cli(["verify-bill", join(house.folder, "bill.json")]);
  expect(verified.stdout).toContain(`Verified of run ${run.id}`);
  await isGone(await instanceOf(id));
});

test("one that is over in a moment is completed as well, and costs the minute that it began", async () => {
  const done = await house.cli(["job", "create", name, ...SMALL, "--wait", "--json", "--", "echo", "done"]);

  expect(done).toMatchObject({ exitCode: 0 });
  const id = String(JSON.parse(done.stdout).id);
  expect(await closedRun(id)).toMatchObject({ end: { exit_code: 0, tail: "done\n" } });
  expect((await house.cli(["job", "logs", name])).stdout).toBe("done");
  // Its host may have removed it before its last row comes.
  const run = await eventually(
    async () => {
      const closed = await closedRun(id);
      return closed.proven_ms > 0 && closed;
    },
    { withinMs: 60_000, what: `the proven time of job ${id}` },
  );
  expect(run.billed_minutes).toBe(1);
});

test.each([
  { command: "echo begun; exit 3", code: 3, signal: null, text: /exit code 3/ },
  { command: "echo begun; kill -KILL $$", code: 137, signal: "SIGKILL", text: /exit code 137/ },
])(
  "one whose command is $command has failed, and reports it",
  async ({ command, code, signal, text: report }) => {
    const done = await house.cli(["job", "create", name, ...SMALL, "--wait", "--command", command]);

    expect(done).toMatchObject({ exitCode: 1, stdout: "", stderr: expect.stringMatching(report) });
    const id = /job-[0-9a-f]{20}/.exec(done.stderr)?.[0] ?? "none";
    expect(await status(id, "failed")).toMatchObject({ status_reason: expect.stringMatching(report) });
    const run = await closedRun(id);
    expect(run.end).toMatchObject({ exit_code: code, signal });
    expect(run.end?.tail).toMatch(/^begun\n/);
    const visible = await house.cli(["job", "instances", name]);
    expect(visible.stdout).toContain(`failed: exit code ${code}${signal === null ? "" : `, ${signal}`}`);
  },
);

test("a job that names its framework finds what that reads, also alone", async () => {
  const reported = ["--distributed", "pytorch", "--backend", "gloo", "--rdzv", "c10d"];
  const shows = 'echo "$REMOTEGPU_BACKEND $PET_RDZV_BACKEND $WORLD_SIZE"';
  const done = await house.cli(["job", "run", ...SMALL, ...reported, "--follow", "--command", shows]);

  expect(done).toMatchObject({ exitCode: 0, stdout: "gloo c10d 1" });
});

test("a log rule ends one whose output means that no other attempt mends it", async () => {
  const rules = [{ name: "typo", text: "SyntaxError", action: "do_not_retry" }];
  const config = JSON.stringify({ log_rules: rules });
  const id = await ordered("echo SyntaxError; exit 1", "--retries", "3", "--config", config);

  expect(await status(id, "failed")).toMatchObject({
    attempt: 1,
    status_reason: expect.stringMatching(/By its log rule "typo" it is not tried again\.$/),
  });
});

test("job run of a folder brings it along as the code that the command begins in", async () => {
  const folder = join(house.folder, `code-${name}`);
  mkdirSync(folder);
  writeFileSync(join(folder, "say.sh"), 'echo "from $PWD"; exit 5\n');
  const done = await house.cli(["job", "run", folder, ...SMALL, "--follow", "--", "sh", "say.sh"]);

  expect(done).toMatchObject({ exitCode: 5, stdout: "from /gemini/code" });
});

test("of several ranks job run shows all that each writes, once, although the control plane is killed meanwhile", async () => {
  const counts = 'for i in 1 2 3 4 5; do echo "rank $RANK: $i"; sleep 1; done; exit $RANK';
  const words = ["job", "run", "--name", name, ...SMALL, "--nodes", "2", "--follow", "--command", counts];
  const { child } = await following("[1] rank 1: 2\n", process.execPath, commandFile(), ...words);

  await house.controlPlane.kill();
  house.controlPlane.start();

  const { stdout, exitCode } = await child;
  const of = (rank: number) => stdout.split("\n").filter((line) => line.startsWith(`[${rank}] rank`));
  for (const rank of [0, 1])
    expect(of(rank)).toEqual([1, 2, 3, 4, 5].map((count) => `[${rank}] rank ${rank}: ${count}`));
  expect(exitCode).toBe(1);
});

/** A job that is followed, once this was shown of it. */
async function following(line: string, program: string, ...args: string[]) {
  const env = { REMOTEGPU_SERVER: house.url, REMOTEGPU_KEY: house.customerKey, HOME: house.folder };
  const child = execa(program, args, { env, reject: false, timeout: 60_000 });
  await visible(child, line);
  // Not the promise that it is.
  return { child };
}

async function visible({ stdout }: { stdout: NodeJS.ReadableStream }, wanted: string): Promise<void> {
  let text = "";
  await new Promise<void>((resolve) => {
    stdout.on("data", (bytes: Buffer) => {
      text += bytes.toString();
      if (text.includes(wanted)) resolve();
    });
  });
}

const RUN_ON = ["job", "run", ...SMALL, "--follow", "--command", "echo begun; sleep 600"];

test("Ctrl-C without a terminal leaves the job that is followed alone, and reports it", async () => {
  const { child } = await following("begun", process.execPath, commandFile(), ...RUN_ON, "--name", name);

  child.kill("SIGINT");

  expect(await child).toMatchObject({
    exitCode: 130,
    stdout: "begun",
    stderr: expect.stringMatching(/\nremotegpu: Detached; the job goes on: remotegpu job logs -f job-\w+$/),
  });
  expect(await house.customer.rows("/training-jobs", { name })).toMatchObject([{ status: "running" }]);
  await house.cli(["job", "cancel", name]);
});

test("at a terminal Ctrl-C prompts, and a job that is cancelled then is followed to its end", async () => {
  const words = [process.execPath, commandFile(), ...RUN_ON, "--stop-grace", "1", "--name", name];
  const { child } = await following(
    "begun",
    "script",
    "--quiet",
    "--return",
    "--command",
    // A shell that stays would get Ctrl-C as well, and some end by it afterwards.
    `exec ${shellText(words)}`,
    "/dev/null",
  );

  child.stdin.write("\u0003");
  await visible(child, "Cancel the job, or detach");
  child.stdin.write("c\n");

  expect(await child).toMatchObject({
    exitCode: 1,
    stdout: expect.stringMatching(/ is cancelled\.\s*$/),
  });
});

test("exec and logs reach into one that runs", async () => {
  const id = await running("echo begun; sleep 600");

  const inside = await house.cli(["job", "exec", name, "--", "sh", "-c", "echo $HOSTNAME; exit 4"]);
  const logs = await house.cli(["job", "logs", name]);

  expect(inside).toMatchObject({ exitCode: 4, stdout: `${id}-0` });
  expect(logs.stdout).toBe("begun");
  expect((await house.cli(["job", "logs", name, "--all-ranks"])).stdout).toBe("[0] begun");
  expect((await house.cli(["job", "why", name])).stdout).toMatch(/^status +running\nreason +It runs on host/);
  await house.cli(["job", "cancel", name]);
});

test("one that waits is cancelled at once; one that runs is stopped with what it has stored", async () => {
  const id = await running(
    'trap "echo saved > $GEMINI_DATA_OUT/state; exit 0" TERM; sleep 600 & wait',
    "--gpu",
    "1",
  );
  const waits = await house.customer.post("/training-jobs", {
    name: `${name}-waits`,
    image: BUSYBOX_IMAGE,
    command: "true",
    cpu: 1,
    memory: 128 * 2 ** 20,
    gpu: 1,
  });

  const atOnce = await house.cli(["job", "cancel", String(waits.id), "--wait"]);
  const stopped = await house.cli(["job", "cancel", name, "--wait"]);

  expect(atOnce.stdout).toMatch(/\(job-\d+-waits\) is cancelled: Cancelled by customer \d+\.$/);
  expect(await house.customer.rows(`/training-jobs/${String(waits.id)}/instances`)).toEqual([]);
  expect(stopped).toMatchObject({ exitCode: 0, stdout: expect.stringContaining(`(${name}) is cancelled`) });
  expect((await closedRun(id)).billed_minutes).toBe(1);
  expect(readFileSync(output(id, "attempt-1", "state"), "utf8")).toBe("saved\n");
  await isGone(await instanceOf(id));
});

test("one that is deleted while it runs leaves no container, and its run is closed and charged", async () => {
  const id = await running("sleep 600");
  const instance = await instanceOf(id);
  expect(await containersOf(instance)).toHaveLength(1);

  expect((await house.cli(["job", "delete", name])).stdout).toBe(`Training job ${id} is being deleted.`);

  expect((await house.cli(["job", "show", id])).stderr).toMatch(/\(404\)$/);
  await isGone(instance);
  await eventually(
    async () => {
      const { rows } = await database.database.query(
        `SELECT FROM runs r JOIN instances i ON i.id = r.instance_id
          WHERE i.workload_id = $1 AND r.closed_at IS NOT NULL`,
        [id],
      );
      return rows.length === 1;
    },
    { withinMs: 60_000, what: "the end of its run" },
  );
  const records = await house.customer.rows("/billing/records", { resource_id: id });
  expect(new Set(records.map(({ billing_minutes: minutes }) => minutes))).toEqual(new Set([1]));
});

test("config.max_minutes ends it as failed", async () => {
  const id = await running("sleep 600", "--max-minutes", "1");
  // A minute is the least: its deadline comes sooner, by hand.
  const { rows } = await database.database.query<{ seconds: number }>(
    `UPDATE training_jobs j SET status_deadline_at = now() FROM training_jobs old WHERE j.id = $1 AND old.id = j.id
      RETURNING extract(epoch FROM old.status_deadline_at - old.started_at)::int AS seconds`,
    [id],
  );
  expect(rows).toEqual([{ seconds: 60 }]);

  expect(await status(id, "failed")).toMatchObject({
    status_reason: "It has run for as long as its config.max_minutes allows.",
  });
  expect((await closedRun(id)).end).toMatchObject({ exit_code: 143 });
  await isGone(await instanceOf(id));
});

test.each([
  { when: "while it runs", command: "sleep 6; exit 0", isOver: false },
  { when: "and it ended meanwhile", command: "sleep 3; exit 0", isOver: true },
])("an agent that is killed $when starts no job twice", { timeout: 120_000 }, async ({ command, isOver }) => {
  const id = await running(`echo start >> $GEMINI_DATA_OUT/starts; ${command}`);
  const [container = "none"] = await containersOf(await instanceOf(id));

  await host.agent.kill();
  if (isOver)
    await eventually(async () => !(await docker.getContainer(container).inspect()).State.Running, {
      withinMs: 60_000,
      what: "the end of its container",
    });
  host.agent.start();

  await status(id, "completed");
  await isGone(await instanceOf(id));
  expect(readFileSync(output(id, "attempt-1", "starts"), "utf8")).toBe("start\n");
  expect((await closedRun(id)).end).toMatchObject({ exit_code: 0 });
  const instances = await house.customer.rows(`/training-jobs/${id}/instances`);
  expect(Instances.parse(instances)[0].runs).toHaveLength(1);
});

test("whatever --output-path names is what is stored, and nothing else is", async () => {
  const id = await ordered(
    "mkdir -p /elsewhere; echo a > /elsewhere/a; echo b > /gemini/output/results/b",
    "--output-path",
    "/gemini/output/results",
  );

  await status(id, "completed");

  expect(readdirSync(output(id))).toEqual(["attempt-1"]);
  expect(readdirSync(output(id, "attempt-1"))).toEqual(["b"]);
  expect(existsSync(output(id, "attempt-1", "a"))).toBe(false);
});

// Side by side: each waits until its second attempt is due.
test.concurrent("job run shows what one writes as it comes, and exits with its exit code; its events list its life by its name", async () => {
  const own = "job-shown";
  const words = ["sh", "-c", 'echo "attempt $REMOTEGPU_ATTEMPT"; sleep 1; exit $((6 + REMOTEGPU_ATTEMPT))'];
  const options = ["--name", own, ...SMALL, "--retries", "1", "--follow"];
  const done = await house.cli(["job", "run", ...options, "--", ...words]);

  expect(done).toMatchObject({ exitCode: 8, stdout: "attempt 1\nattempt 2" });
  expect(done.stderr).toMatch(new RegExp(`^Training job job-\\w+ \\(${own}\\) is ordered\\.\n`));
  expect(done.stderr).toMatch(/ Attempt 2 follows in 10 seconds \(retry 1 of 1\)\.\n/);
  expect(done.stderr).toMatch(/ is failed: .*exit code 8.* It was attempt 2, and the last\.$/);
  const events = JSON.parse((await house.cli(["job", "events", own, "--json"])).stdout);
  const statuses = z
    .array(z.looseObject({ kind: z.string(), new: z.string().nullable() }))
    .parse(events.items);
  const moves = statuses.filter(({ kind }) => kind === "status").map((event) => event.new);
  expect(moves.reverse().join(" ")).toBe("queued queued running pending queued queued running failed");
});

test.concurrent("a folder that comes along as its code is there for each attempt, writable, and goes over once", async () => {
  const own = "job-brought";
  const folder = join(house.folder, "code");
  mkdirSync(join(folder, "lib"), { recursive: true });
  writeFileSync(
    join(folder, "main.sh"),
    '. lib/part.sh; echo "$PWD $(cat state)"; echo spoilt >> state; exit $CODE',
  );
  writeFileSync(join(folder, "lib/part.sh"), "CODE=$((REMOTEGPU_ATTEMPT == 1))");
  writeFileSync(join(folder, "state"), "fresh");
  writeFileSync(join(folder, ".gitignore"), "secret");
  writeFileSync(join(folder, "secret"), "stays here");
  // The second attempt, which finds its code as it was brought, succeeds.
  const id = await orderedAs(
    own,
    "sh main.sh; r=$?; ls -A > $GEMINI_DATA_OUT/seen; exit $r",
    "--code",
    folder,
    "--retries",
    "1",
  );
  await eventually(async () => (await house.customer.get(`/training-jobs/${id}`)).attempt === 2, {
    withinMs: 60_000,
    what: "the second attempt",
  });
  await status(id, "completed");

  for (const attempt of ["attempt-1", "attempt-2"])
    expect(readFileSync(output(id, attempt, "seen"), "utf8")).toBe(".gitignore\nlib\nmain.sh\nstate\n");
  expect((await house.cli(["job", "logs", own])).stdout).toBe("/gemini/code fresh");
  const { rows } = await database.database.query("SELECT id FROM codes");
  await status(await orderedAs(`${own}-again`, "test -f lib/part.sh", "--code", folder), "completed");
  expect((await database.database.query("SELECT id FROM codes")).rows).toEqual(rows);
});
