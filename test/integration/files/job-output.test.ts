/** What a job has written, from the command and the API down to a real files process: listed, fetched and removed. */
import {
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";
import { poolBytes } from "@remotegpu/agent/runtime/storage/pool-usage";
import type { FileEntryResponse } from "@remotegpu/control-plane/server/http/files/pool-files";
import { answeredBy } from "../../support/http/host-answers.ts";
import type { FilesUnderTest } from "../../support/agent/files.ts";
import { problem, type ApiWorld, type Caller } from "../../support/http/api.ts";
import { FilesScene } from "../../support/worlds/files-scene.ts";

let api: ApiWorld;
let files: FilesUnderTest;
let scene: FilesScene;
let owner: Caller;
let viewer: Caller;
let stranger: Caller;
let here: string;
/** Of hosts. */
let requested = 0;

const ending = new AsyncDisposableStack();
beforeAll(async () => {
  scene = ending.use(await FilesScene.open());
  ({ api, files, here } = scene);
  const { files: hosts } = api.deps;
  api.deps.files = {
    request: async (...question) => {
      requested += 1;
      return await hosts.request(...question);
    },
  };
  const ada = await api.customer("ada");
  [owner, viewer, stranger] = [ada, await api.customer("vic"), await api.customer("sam")];
  await api.join(ada.workspaceId, owner, viewer, "viewer");
  await api.db.query(
    `INSERT INTO training_jobs (id, customer_id, workspace_id, name, image, command, status, cpu, memory, attempt)
     VALUES ('job-1', $1, $2, 'train', 'trainer', 'true', 'completed', 1, 1073741824, 2),
            ('job-2', $1, $2, 'new', 'trainer', 'true', 'queued', 1, 1073741824, 1)`,
    [owner.customerId, ada.workspaceId],
  );
  await api.db.query(
    `INSERT INTO instances (id, workload_kind, workload_id, rank, current_epoch, state)
     VALUES ('ins-1', 'training', 'job-1', 0, 3, 'stopped')`,
  );
  // The first attempt was placed twice: a mount was missing where it was put first.
  for (const [epoch, host, attempt] of [
    [1, "host-2", 1],
    [2, "host-1", 1],
    [3, "host-2", 2],
  ] as const)
    await api.db.query(
      `INSERT INTO placements (instance_id, epoch, host_id, state, spec, spec_hash, cpu_milli, memory_bytes, resources_released_at)
       VALUES ('ins-1', $1, $2, 'stopped', $3, 'x', 1000, 1, now())`,
      [
        epoch,
        host,
        {
          env: { REMOTEGPU_ATTEMPT: String(attempt) },
          folders: [{ source: `training-jobs/job-1/output/attempt-${attempt}`, target: "/gemini/output" }],
        },
      ],
    );
  const folder = files.at("", "training-jobs/job-1/output/attempt-1");
  mkdirSync(join(folder, "logs"), { recursive: true });
  writeFileSync(join(folder, "model.pt"), "weights");
  writeFileSync(join(folder, "logs/one"), "loss 0.1\n");
  symlinkSync("/etc/passwd", join(folder, "away"));
});
afterAll(() => ending.disposeAsync());

const of = (path: string, id = "job-1") =>
  `/api/v1/training-jobs/${id}/output?path=${encodeURIComponent(path)}`;
const names = (body: { items: { name: string }[] }) => body.items.map(({ name }) => name);

const cli = (...args: string[]) => scene.cli(owner, ...args);

test("its attempts are listed, and what lies in one is listed and read, in parts too", async () => {
  const root = await api.request("GET", of(""), { as: owner });
  const attempt = await api.request("GET", of("attempt-1"), { as: viewer });
  const part = await api.request("GET", of("attempt-1/model.pt"), {
    as: viewer,
    headers: { Range: "bytes=0-3" },
  });

  expect(root.body.items).toMatchObject([
    { name: "attempt-1", path: "attempt-1", path_base64: null, type: "folder" },
    { name: "attempt-2", path: "attempt-2", path_base64: null, type: "folder" },
  ]);
  expect(attempt.body.items.map(({ path, type }: FileEntryResponse) => [path, type])).toEqual([
    ["attempt-1/away", "link"],
    ["attempt-1/logs", "folder"],
    ["attempt-1/model.pt", "file"],
  ]);
  expect(names(attempt.body)).toEqual(["away", "logs", "model.pt"]);
  expect([part.status, part.body]).toEqual([206, "weig"]);
});

test.each([
  ["of somebody else's job", () => ({ as: stranger, path: of("") }), 404],
  ["of a job that has not run", () => ({ as: owner, path: of("attempt-1", "job-2") }), 409],
  ["of an attempt that never was", () => ({ as: owner, path: of("attempt-3") }), 404],
  ["of a file that is not there", () => ({ as: owner, path: of("attempt-1/none") }), 404],
  ["beyond the attempt's folder", () => ({ as: owner, path: of("attempt-1/../attempt-2") }), 422],
  ["through a link that leaves it", () => ({ as: owner, path: of("attempt-1/away") }), 403],
  ["in a pool of which no host is heard", () => ({ as: owner, path: of("attempt-2") }), 503],
])("what is requested %s is refused", async (_what, requested, status) => {
  const { as, path } = requested();

  expect(await api.request("GET", path, { as })).toMatchObject(problem(status));
});

test("it is listed and read by the attempt's number, too, with paths as its program has them", async () => {
  const request = async (query: string, headers = {}) =>
    await api.request("GET", `/api/v1/training-jobs/job-1/files?${query}`, { as: viewer, headers });

  expect(names((await request("")).body)).toEqual(["attempt-1", "attempt-2"]);
  const { items } = (await request("attempt=1&rank=0")).body;
  expect(items.map(({ path, type }: FileEntryResponse) => [path, type])).toEqual([
    ["away", "link"],
    ["logs", "folder"],
    ["model.pt", "file"],
  ]);
  expect((await request("attempt=1&path=logs")).body.items).toMatchObject([
    { name: "one", path: "logs/one" },
  ]);
  const part = await request("attempt=1&path=model.pt", { Range: "bytes=0-3" });
  expect([part.status, part.body]).toEqual([206, "weig"]);
  for (const [query, status] of [
    ["attempt=0", 422],
    ["attempt=x", 422],
    ["attempt=1&path=../attempt-2", 422],
    ["attempt=1&path=away", 403],
    ["attempt=1&rank=9", 409],
    ["attempt=3", 404],
  ] as const)
    expect(await request(query)).toMatchObject(problem(status));
});

test("a job that has not run has no attempts yet", async () => {
  expect((await api.request("GET", of("", "job-2"), { as: owner })).body.items).toEqual([]);
});

test("the command lists it and fetches a file or a folder, without links", async () => {
  const listed = await cli("job", "output", "ls", "train", "attempt-1", "--json");
  const file = await cli("job", "output", "get", "train", "attempt-1/model.pt");
  const folder = await cli("job", "output", "get", "train", "attempt-1", "copy");

  expect(listed.stderr).toBe("");
  expect(names(JSON.parse(listed.stdout))).toEqual(["away", "logs", "model.pt"]);
  expect([file.exitCode, folder.exitCode]).toEqual([0, 0]);
  expect(folder.stderr).toContain("away is no file, and was left out.");
  expect(readFileSync(join(here, "model.pt"), "utf8")).toBe("weights");
  expect(readFileSync(join(here, "copy/logs/one"), "utf8")).toBe("loss 0.1\n");
});

test("sync fetches what is new or changed since, and nothing twice", async () => {
  const inPool = files.at("", "training-jobs/job-1/output/attempt-1/steps");
  mkdirSync(inPool);
  for (const step of ["one", "two", "three"]) writeFileSync(join(inPool, step), `state of ${step}`);
  const sync = () => cli("job", "output", "sync", "train", "attempt-1/steps", "steps", "--json");
  const fetched = ({ stdout }: { stdout: string }) => (stdout === "" ? 0 : JSON.parse(stdout).files);

  const first = await sync();
  const idle = await sync();
  writeFileSync(join(inPool, "two"), "state of 2nd");
  writeFileSync(join(inPool, "four"), "state of four");
  // What was only touched is the same by its checksum; what is as long and as old is taken for the same.
  utimesSync(join(inPool, "three"), new Date(), new Date());
  const changed = await sync();
  writeFileSync(join(here, "steps/one"), "spoilt here!");
  const mended = await sync();

  expect([first, idle, changed, mended].map(fetched)).toEqual([3, 0, 2, 1]);
  expect(idle.stderr).toContain("3 unchanged.");
  expect(changed.stderr).toContain("2 unchanged.");
  for (const step of ["one", "two", "three", "four"]) {
    expect(readFileSync(join(here, "steps", step), "utf8")).toBe(readFileSync(join(inPool, step), "utf8"));
    const [there, copy] = [statSync(join(inPool, step)), statSync(join(here, "steps", step))];
    expect(Math.abs(there.mtimeMs - copy.mtimeMs)).toBeLessThan(1.5);
  }
});

test("thousands of small files come in a handful of requests, and a large one beside them on its own", async () => {
  const inPool = files.at("", "training-jobs/job-1/output/attempt-1/many");
  mkdirSync(join(inPool, "empty"), { recursive: true });
  for (let folder = 0; folder < 20; folder += 1) {
    mkdirSync(join(inPool, `${folder}`));
    for (let step = 0; step < 100; step += 1)
      writeFileSync(join(inPool, `${folder}/${step}`), `${folder}: ${step}\n`.repeat(step));
  }
  writeFileSync(join(inPool, "0/largest-of-the-small"), Buffer.alloc(2 ** 20, 1));
  writeFileSync(join(inPool, "large"), Buffer.alloc(2 ** 20 + 1, 2));
  writeFileSync(Buffer.concat([Buffer.from(`${inPool}/`), Buffer.of(0xff)]), "no text");
  symlinkSync("/etc", join(inPool, "away"));
  const requests = async (...words: string[]) => {
    const before = requested;
    const done = await cli("job", "output", ...words, "--json");
    return { ...JSON.parse(done.stdout || "{}"), stderr: done.stderr, requests: requested - before };
  };

  const got = await requests("get", "train", "attempt-1/many", "got");
  const synced = await requests("sync", "train", "attempt-1/many", "got");
  writeFileSync(join(inPool, "3/3"), "news");
  const changed = await requests("sync", "train", "attempt-1/many", "got");

  expect(got).toMatchObject({ files: 2_003, left_out: ["attempt-1/many/away"], requests: 3 });
  expect(synced).toMatchObject({ files: 0, stderr: expect.stringContaining("2003 unchanged.") });
  expect(synced.requests).toBeLessThan(5);
  expect(changed).toMatchObject({ files: 1, bytes: 4, requests: 2 });
  // Links are left out; names are bytes.
  rmSync(join(inPool, "away"));
  expect((await execa("diff", ["-r", inPool, join(here, "got")])).stdout).toBe("");
});

test("an answer that ends early is no whole folder", async () => {
  const { files: whole } = api.deps;
  api.deps.files = {
    request: async (...question) => {
      const reply = await whole.request(...question);
      if (!reply.isReached) return reply;
      const { headers, body } = reply.answer;
      const text = (await new Response(body).text()).replace(/\{"is_whole":true\}\n$/, "");
      return { isReached: true, answer: answeredBy(new Response(text, { headers })) };
    },
  };
  try {
    const done = await cli("job", "output", "get", "train", "attempt-1/steps", "cut");
    expect([done.exitCode, done.stderr]).toEqual([3, expect.stringContaining("broke off amid the folder")]);
  } finally {
    api.deps.files = whole;
  }
});

test("a sync that broke off goes on where it was", async () => {
  const inPool = files.at("large", "training-jobs/job-1/output/attempt-1");
  writeFileSync(inPool, "0123456789".repeat(1_000));
  const head = await api.request("GET", of("attempt-1/large"), {
    as: owner,
    headers: { Range: "bytes=0-0" },
  });
  const etag = (head.headers.get("etag") ?? "").replaceAll(/[^a-z0-9-]/g, "");
  // As a command leaves it that was killed amid the file.
  writeFileSync(join(here, `large.${etag}.remotegpu-part`), "0123456789".repeat(900));

  const done = await cli("job", "output", "sync", "train", "attempt-1/large", "--json");

  expect(JSON.parse(done.stdout)).toMatchObject({ files: 1, bytes: 1_000 });
  expect(readFileSync(join(here, "large"), "utf8")).toBe(readFileSync(inPool, "utf8"));
});

test("what is removed is gone, counts as storage no more, and needs a word that it is meant", async () => {
  const folder = files.at("", "training-jobs/job-1/output/attempt-1/big");
  mkdirSync(folder);
  writeFileSync(join(folder, "weights"), Buffer.alloc(4 * 2 ** 20, 7));
  const measured = () =>
    poolBytes(["training-jobs/job-1/output"], {
      poolRoot: files.pool,
      timeoutMs: 30_000,
      signal: AbortSignal.timeout(30_000),
    });
  const before = (await measured()) ?? 0;

  const unsaid = await cli("job", "output", "rm", "train", "attempt-1/big");
  expect(existsSync(folder)).toBe(true);
  const output = await cli("job", "output", "rm", "train", "attempt-1/big", "--yes");

  expect([unsaid.exitCode, unsaid.stderr]).toEqual([2, expect.stringContaining("--yes")]);
  expect([output.exitCode, output.stdout]).toEqual([
    0,
    "attempt-1/big of the output of job job-1 is removed.",
  ]);
  expect(existsSync(folder)).toBe(false);
  expect(before - ((await measured()) ?? 0)).toBeGreaterThanOrEqual(4 * 2 ** 20);
});

test.each([
  ["all attempts at once", () => ({ as: owner, path: "" }), 422],
  ["by whoever may only read", () => ({ as: viewer, path: "attempt-1/logs" }), 403],
  ["of somebody else's job", () => ({ as: stranger, path: "attempt-1/logs" }), 404],
  ["that is not there", () => ({ as: owner, path: "attempt-1/none" }), 404],
  ["beyond the attempt's folder", () => ({ as: owner, path: "attempt-1/../attempt-2" }), 422],
])("a removal of what is %s is refused", async (_what, requested, status) => {
  const { as, path } = requested();

  expect(await api.request("DELETE", of(path), { as })).toMatchObject(problem(status));
});

test("an attempt that still has its container keeps its folder; then all of it goes", async () => {
  await api.db.query(
    "UPDATE placements SET resources_released_at = NULL WHERE instance_id = 'ins-1' AND epoch = 2",
  );
  const held = await api.request("DELETE", of("attempt-1"), { as: owner });
  await api.db.query("UPDATE placements SET resources_released_at = now() WHERE instance_id = 'ins-1'");
  const free = await api.request("DELETE", of("attempt-1"), { as: owner });

  expect(held).toMatchObject(problem(409));
  expect([free.status, free.body]).toEqual([200, { status: "removed" }]);
  expect(existsSync(files.at("", "training-jobs/job-1/output/attempt-1"))).toBe(false);
});
