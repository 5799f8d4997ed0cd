/** Datasets that their owners fill, by the API down to a real files process: what becomes ready, and what does not. */
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CHUNK_BYTES } from "@remotegpu/shared/messages/files";
import { filesSocket } from "@remotegpu/agent/config/config";
import { fileRequests } from "@remotegpu/control-plane/server/link/files/file-requests";
import { transaction } from "@remotegpu/control-plane/server/store/database/transaction";
import { countSealedCopies } from "@remotegpu/control-plane/server/store/billing/storage/sealed-samples";
import { poolFolders } from "@remotegpu/control-plane/server/store/billing/storage/pool-folders";
import { FilesUnderTest } from "../../support/agent/files.ts";
import { eventually } from "../../support/eventually.ts";
import { openApi, problem, type ApiWorld, type Caller } from "../../support/http/api.ts";
import { digestOf, manifestOf, sha256, UploadClient } from "../../support/http/uploads.ts";

let api: ApiWorld;
let files: FilesUnderTest;
let owner: Caller & { uuid: string; workspaceId: number };
let stranger: Caller;

const ending = new AsyncDisposableStack();
beforeAll(async () => {
  files = ending.adopt(await FilesUnderTest.begin(), (one) => one.end());
  api = ending.adopt(await openApi(), (one) => one.close());
  api.deps.files = fileRequests(async () => {
    const stream = connect(filesSocket(files.state));
    await once(stream, "connect");
    return { isOpen: true, stream };
  });
  owner = await api.customer("ada");
  stranger = await api.customer("sam");
  await api.db.query(
    "INSERT INTO hosts (id, name, ip_address, connection, storage_pool) VALUES ('host-1', 'gpu-1', '10.0.0.1', 'connected', 'pool-a'), ('host-2', 'gpu-2', '10.0.0.2', 'unreachable', 'pool-b')",
  );
});
afterAll(() => ending.disposeAsync());

let made = 0;
async function dataset(): Promise<{ id: number; client: UploadClient }> {
  const { body } = await api.request("POST", "/api/v1/datasets", {
    as: owner,
    body: { name: `d${(made += 1)}` },
  });
  return { id: body.id, client: new UploadClient(api, owner, `/datasets/${body.id}`) };
}
const entryOf = async (id: number) =>
  (await api.request("GET", `/api/v1/datasets/${id}`, { as: owner })).body;
const versionsOf = async (id: number) =>
  (await api.request("GET", `/api/v1/datasets/${id}/versions`, { as: owner })).body.items;
const inPool = (path: string) => join(files.pool, path);

const TREE = { "a.txt": "alpha", "sub/b.bin": Buffer.alloc(CHUNK_BYTES + 3, 7), "sub/empty": "", z: "last" };

describe("an upload", () => {
  test("is uploading until its host has found all of it, and then what is mounted and read", async () => {
    const { id, client } = await dataset();

    const begun = await client.begin(TREE);
    const meanwhile = await entryOf(id);
    for (const [path, content] of Object.entries(TREE)) await client.file(begun.body.upload, path, content);
    await client.manifest(begun.body.upload, manifestOf(TREE));
    const done = await client.complete(begun.body.upload);

    expect([begun.status, begun.body.status, begun.body.storage_pool, meanwhile.status]).toEqual([
      201,
      "uploading",
      "pool-a",
      "uploading",
    ]);
    expect([done.status, done.body.status, done.body.version]).toEqual([200, "ready", 1]);
    const entry = await entryOf(id);
    expect([entry.status, entry.total_size, entry.file_count]).toEqual(["ready", CHUNK_BYTES + 12, 4]);
    expect(entry.storage_path).toMatch(new RegExp(`^${owner.uuid}/datasets/${id}-v1-[0-9a-f]{8}/files$`));
    expect(readFileSync(inPool(`${entry.storage_path}/sub/b.bin`)).equals(TREE["sub/b.bin"])).toBe(true);
    expect(statSync(inPool(`${entry.storage_path}/a.txt`)).mode & 0o777).toBe(0o644);
    const read = await api.request("GET", `/api/v1/datasets/${id}/files?path=a.txt`, { as: owner });
    const listed = await api.request("GET", `/api/v1/datasets/${id}/files`, { as: owner });
    expect([read.body, listed.body.items.map(({ name }: { name: string }) => name)]).toEqual([
      "alpha",
      ["a.txt", "sub", "z"],
    ]);
  });

  test("of the same files again is there already, and of others a version of its own", async () => {
    const { id, client } = await dataset();
    await client.put({ a: "one" });
    const first = await entryOf(id);

    const same = await client.begin({ a: "one" });
    await client.put({ a: "two" });

    expect([same.status, same.body.status]).toEqual([201, "ready"]);
    const second = await entryOf(id);
    // Who mounted the first one keeps it as it was.
    expect(readFileSync(inPool(`${first.storage_path}/a`), "utf8")).toBe("one");
    expect(readFileSync(inPool(`${second.storage_path}/a`), "utf8")).toBe("two");
    expect((await versionsOf(id)).map((one) => [one.version, one.storage_pool, one.is_mounted])).toEqual([
      [1, "pool-a", false],
      [2, "pool-a", true],
    ]);
    const { rows } = await api.db.query(
      "SELECT version, storage_path FROM dataset_versions WHERE dataset_id = $1 ORDER BY id",
      [id],
    );
    expect(rows).toEqual([
      { version: "1", storage_path: first.storage_path },
      { version: "2", storage_path: second.storage_path },
    ]);
  });

  test("that broke off is gone on with: parts that are there are named by their checksums", async () => {
    const { id, client } = await dataset();
    const large = Buffer.concat([
      Buffer.alloc(CHUNK_BYTES, 1),
      Buffer.alloc(CHUNK_BYTES, 2),
      Buffer.from("end"),
    ]);
    const first = await client.begin({ large });
    await client.part(first.body.upload, "large", {
      bytes: large.subarray(0, CHUNK_BYTES),
      size: large.length,
    });
    await files.program.kill();
    await files.start();

    const again = await client.begin({ large });
    const there = await api.request(
      "GET",
      `/api/v1/datasets/${id}/upload-chunks?upload=${again.body.upload}&path=large`,
      {
        as: owner,
      },
    );
    const nothing = await api.request(
      "GET",
      `/api/v1/datasets/${id}/upload-chunks?upload=${again.body.upload}&path=no`,
      {
        as: owner,
      },
    );
    const late = await client.part(first.body.upload, "large", {
      bytes: Buffer.from("x"),
      size: large.length,
    });

    expect(again.body.had_size).toBeGreaterThanOrEqual(CHUNK_BYTES);
    expect(there.body).toBe(`${CHUNK_BYTES}\n${sha256(large.subarray(0, CHUNK_BYTES))}\n`);
    expect(nothing).toMatchObject(problem(404));
    // What an earlier upload still sends is nobody's any more.
    expect(late).toMatchObject(problem(409));
    for (const offset of [CHUNK_BYTES, 2 * CHUNK_BYTES])
      await client.part(again.body.upload, "large", {
        bytes: large.subarray(offset, offset + CHUNK_BYTES),
        offset,
        size: large.length,
      });
    await client.manifest(again.body.upload, manifestOf({ large }));
    expect((await client.complete(again.body.upload)).body.status).toBe("ready");
  });
});

describe("what does not agree", () => {
  test("a part with another checksum is refused, and the file is not what it was declared to be", async () => {
    const { id, client } = await dataset();
    const { body } = await client.begin({ a: "right" });

    const wrong = await client.part(body.upload, "a", {
      bytes: Buffer.from("wrong"),
      digest: digestOf("right"),
    });
    await client.manifest(body.upload, manifestOf({ a: "right" }));
    const done = await client.complete(body.upload);

    expect(wrong).toMatchObject(problem(422));
    expect(done).toMatchObject(problem(422));
    expect(done.body.detail).toContain("a has other bytes than its checksum says");
    expect(wrong.body).toMatchObject({ reason_code: "upload-part-differs" });
    expect(done.body).toMatchObject({
      reason_code: "file-list-contradicted",
      reason_params: { fault: { code: "listed-file-differs", params: { path: "a" } } },
      errors: [{ path: "path", reason_code: "file-list-contradicted" }],
    });
    expect((await entryOf(id)).status).toBe("error");
    const [version] = await versionsOf(id);
    expect([version!.status, version!.status_reason]).toEqual([
      "error",
      expect.stringContaining("other bytes"),
    ]);
    // It can be mended where it is.
    const again = await client.put({ a: "right" });
    expect([again.body.status, (await entryOf(id)).status]).toEqual(["ready", "ready"]);
  });

  test("files that are missing or too long are named, and what the list does not name is gone", async () => {
    const { id, client } = await dataset();
    await client.begin({ old: "o", "gone/x": "x", here: "here" });
    const { body } = await client.begin({ "gone/x": "x", here: "here" });
    await client.file(body.upload, "gone/x", "x");
    await client.file(body.upload, "here", "here");
    await client.file(body.upload, "old", "o");
    const { body: other } = await client.begin({ here: "here", missing: "m" });
    await client.manifest(other.upload, manifestOf({ here: "here", missing: "m" }));

    const missing = await client.complete(other.upload);
    const { body: last } = await client.begin({ here: "here" });
    await client.manifest(last.upload, manifestOf({ here: "here" }));
    const done = await client.complete(last.upload);

    expect(missing.body.detail).toContain("missing is missing");
    expect(done.body.status).toBe("ready");
    expect(readdirSync(inPool((await entryOf(id)).storage_path))).toEqual(["here"]);
  });

  test.each([
    ["no list", async () => undefined],
    [
      "another list",
      (client: UploadClient, upload: string) => client.manifest(upload, manifestOf({ b: "b" })),
    ],
  ])("with %s nothing becomes ready", async (_what, bring) => {
    const { client } = await dataset();
    const { body } = await client.begin({ a: "a" });
    await client.file(body.upload, "a", "a");

    await bring(client, body.upload);

    expect(await client.complete(body.upload)).toMatchObject(problem(409));
  });

  test.each([
    ["out of order", `${manifestOf({ b: "b" })}${manifestOf({ a: "a" })}`],
    ["no JSON", "a b c\n"],
    ["steps upwards", manifestOf({ "../a": "a" })],
    ["an end that is missing", manifestOf({ a: "a" }).trimEnd()],
  ])("a list with %s is refused", async (_what, text) => {
    const { client } = await dataset();
    const hex = Buffer.from(sha256(text), "base64").toString("hex");
    const { body } = await client.begin({ a: "a" }, { manifest_sha256: hex });
    await client.manifest(body.upload, text);

    expect(await client.complete(body.upload)).toMatchObject(problem(422));
  });

  test("a list that is true and not what was declared of its size is refused, so that a quota is not got round", async () => {
    const { client } = await dataset();
    const { body } = await client.begin({ a: "abc" }, { total_size: 1 });
    await client.file(body.upload, "a", "abc");
    await client.manifest(body.upload, manifestOf({ a: "abc" }));

    expect(await client.complete(body.upload)).toMatchObject(problem(422));
  });
});

describe("who and where", () => {
  test("a public dataset is read by strangers, and its uploads are in the audit log", async () => {
    const { id, client } = await dataset();
    await client.put({ a: "a" });
    await api.request("PATCH", `/api/v1/datasets/${id}`, { as: owner, body: { visibility: "public" } });

    const read = await api.request("GET", `/api/v1/datasets/${id}/files?path=a`, { as: stranger });

    expect(read.body).toBe("a");
    const { rows } = await api.db.query(
      "SELECT action, status FROM audit_log WHERE action LIKE 'dataset.%-upload' AND target_id = $1 AND actor_customer_id = $2 ORDER BY id",
      [String(id), owner.customerId],
    );
    expect(rows).toEqual([
      { action: "dataset.begin-upload", status: 201 },
      { action: "dataset.complete-upload", status: 200 },
    ]);
  });

  test.each(["../a", "a/../../b", "/etc/passwd", "a//b", ".", ""])("no part goes to %j", async (path) => {
    const { client } = await dataset();
    const { body } = await client.begin({ a: "a" });

    expect(await client.part(body.upload, path, { bytes: Buffer.from("a") })).toMatchObject(problem(422));
  });

  test("a link in the pool leads no part out of its draft, and no reader", async () => {
    const { id, client } = await dataset();
    const { body } = await client.begin({ "out/a": "a" });
    const [draft] = readdirSync(inPool(`${owner.uuid}/datasets`)).filter((name) =>
      name.startsWith(`${id}-v1-`),
    );
    symlinkSync("/tmp", inPool(`${owner.uuid}/datasets/${draft}/draft/out`));

    const into = await client.part(body.upload, "out/remotegpu-leaving", { bytes: Buffer.from("a") });

    expect([into.status, existsSync("/tmp/remotegpu-leaving")]).toEqual([403, false]);
    const ready = await dataset();
    await ready.client.put({ a: "a" });
    symlinkSync("/etc/passwd", inPool(`${(await entryOf(ready.id)).storage_path}/link`));
    expect(
      await api.request("GET", `/api/v1/datasets/${ready.id}/files?path=link`, { as: owner }),
    ).toMatchObject(problem(403));
  });

  test("the pool that is named is queried, and one that nobody has is refused", async () => {
    const { client } = await dataset();

    expect(await client.begin({ a: "a" }, { storage_pool: "pool-b" })).toMatchObject({
      status: 503,
      body: { detail: "No host of storage pool pool-b is heard now." },
    });
    expect(await client.begin({ a: "a" }, { storage_pool: "nowhere" })).toMatchObject(problem(422));
  });

  test("of two at once the later one has it, and the earlier one is notified", async () => {
    const { id, client } = await dataset();
    const one = await client.begin({ a: "one" });
    const other = await client.begin({ a: "two" });
    await client.file(other.body.upload, "a", "two");

    expect((await client.file(one.body.upload, "a", "one"))[0]).toMatchObject(problem(409));
    expect(await client.complete(one.body.upload)).toMatchObject(problem(409));
    await client.manifest(other.body.upload, manifestOf({ a: "two" }));
    expect((await client.complete(other.body.upload)).body.status).toBe("ready");
    expect(readFileSync(inPool(`${(await entryOf(id)).storage_path}/a`), "utf8")).toBe("two");
    // Whoever did not hear of the end asks again.
    expect((await client.complete(other.body.upload)).body.status).toBe("ready");
  });
});

describe("at once", () => {
  const output = Buffer.alloc(200_000, "a");
  const other = Buffer.alloc(200_000, "b");

  test("what is put beside its check is sealed as the list states or not at all, once, and never changes after that", async () => {
    const ends = new Set<string>();
    for (let round = 0; round < 6; round += 1) {
      const { id, client } = await dataset();
      const { upload } = (await client.begin({ "sub/a": output })).body;
      await client.file(upload, "sub/a", output);
      await client.manifest(upload, manifestOf({ "sub/a": output }));
      const put = (bytes: Buffer) => client.part(upload, "sub/a", { bytes });

      const [one, two, ...puts] = await Promise.all([
        client.complete(upload),
        client.complete(upload),
        // Of the same length, each with a checksum that is its own.
        ...[other, output, other, other, output].map((bytes) => put(bytes)),
        client.part(upload, "sub/b", { bytes: other }),
      ]);

      expect([200, 409, 422, 429, 503]).toContain(one.status);
      // One that the check ended is told to come again.
      for (const { status } of puts) expect([200, 204, 409, 422, 503]).toContain(status);
      const entry = await entryOf(id);
      const isReady = [one, two].some(({ body }) => body.status === "ready");
      ends.add(entry.status);
      expect([
        entry.status === "ready",
        (await versionsOf(id)).filter(({ status }: { status: string }) => status === "ready").length,
      ]).toEqual([isReady, isReady ? 1 : 0]);
      if (!isReady) continue;
      const tree = () =>
        readdirSync(inPool(`${entry.storage_path}/sub`)).map((name) => [
          name,
          sha256(readFileSync(inPool(`${entry.storage_path}/sub/${name}`))),
        ]);
      expect(tree()).toEqual([["a", sha256(output)]]);
      expect(await put(other)).toMatchObject(problem(409));
      expect(tree()).toEqual([["a", sha256(output)]]);
    }
    expect(ends.size).toBeGreaterThan(0);
  });

  test("a dataset that is deleted beside its parts and its end is gone, and what comes after finds nothing", async () => {
    for (let round = 0; round < 4; round += 1) {
      const { id, client } = await dataset();
      const { upload } = (await client.begin({ a: output })).body;
      await client.file(upload, "a", output);
      await client.manifest(upload, manifestOf({ a: output }));

      const [deleted, ended] = await Promise.all([
        api.request("DELETE", `/api/v1/datasets/${id}`, { as: owner }),
        client.complete(upload),
        client.part(upload, "a", { bytes: other }),
      ]);

      expect([deleted.status, [200, 404, 409, 422].includes(ended.status)]).toEqual([204, true]);
      expect(await client.part(upload, "a", { bytes: other })).toMatchObject(problem(404));
      expect(await client.complete(upload)).toMatchObject(problem(404));
      expect((await api.request("GET", `/api/v1/datasets/${id}`, { as: owner })).status).toBe(404);
    }
  });
});

describe("room and money", () => {
  test("quota and disk are checked before anything is sent", async () => {
    const { id, client } = await dataset();
    await api.request("PUT", `/api/v1/customers/${owner.customerId}/quota`, {
      as: api.admin,
      body: {
        quota_level: "custom",
        cpu_quota: 1,
        memory_quota: 1024,
        gpu_quota: 0,
        storage_quota: 2 ** 52,
        environment_quota: 1,
      },
    });

    const tooLarge = await client.begin({ a: "a" }, { total_size: 2 ** 51 });
    await api.request("PUT", `/api/v1/customers/${owner.customerId}/quota`, {
      as: api.admin,
      body: {
        quota_level: "custom",
        cpu_quota: 1,
        memory_quota: 1024,
        gpu_quota: 0,
        storage_quota: 2 ** 30,
        environment_quota: 1,
      },
    });
    const tooMuch = await client.begin({ a: "a" }, { total_size: 2 ** 30 + 1 });

    expect(tooLarge).toMatchObject(problem(507));
    expect(tooMuch).toMatchObject({
      status: 409,
      body: { detail: expect.stringContaining("storage_quota") },
    });
    expect(await versionsOf(id)).toEqual([]);
    // What other datasets hold counts.
    const half = await dataset();
    await half.client.begin({ a: "a" }, { total_size: 2 ** 30 - 2 ** 27 });
    expect(await client.begin({ a: "a" }, { total_size: 2 ** 28 })).toMatchObject(problem(409));
    expect((await half.client.begin({ a: "a" }, { total_size: 1 })).status).toBe(201);
    expect((await client.begin({ a: "a" }, { total_size: 2 ** 28 })).status).toBe(201);
  });

  test("a sealed version is measured by no host, one still being brought by its pool's alone, and all go with the dataset", async () => {
    const { id, client } = await dataset();
    await client.put({ a: "one" });
    await client.begin({ a: "two" });

    const measured = async (pool: string) =>
      (await poolFolders(api.db, { pool, after: null })).folders
        .filter(({ path }) => /-v\d+-[0-9a-f]{8}$/.test(path) && path.includes(`/datasets/${id}-`))
        .map(({ owner: whose, path }) => [whose, path.replace(/-[0-9a-f]{8}$/, "")]);
    const whose = String(owner.workspaceId);
    expect(await measured("pool-a")).toEqual([[whose, `${owner.uuid}/datasets/${id}-v2`]]);
    expect(await measured("pool-b")).toEqual([]);
    const hour = new Date(Math.ceil(Date.now() / 3_600_000) * 3_600_000);
    await transaction(api.db, (sql) => countSealedCopies(sql, hour));
    const sealed = await api.db.query<{ counted: number; known: number }>(
      `SELECT s.bytes AS counted, (SELECT sum(c.total_size)::bigint FROM data_copies c JOIN datasets d ON d.id = c.dataset_id
          WHERE d.customer_id = $3 AND c.status = 'ready') AS known
         FROM sealed_samples s WHERE s.workspace_id = $1 AND s.hour = $2`,
      [owner.workspaceId, hour, owner.customerId],
    );
    expect(sealed.rows[0]?.counted).toBe(sealed.rows[0]?.known);
    expect(sealed.rows[0]?.counted).toBeGreaterThanOrEqual(3);

    const folders = () =>
      readdirSync(inPool(`${owner.uuid}/datasets`)).filter((name) => name.startsWith(`${id}-v`));
    const before = folders().length;
    const gone = await api.request("DELETE", `/api/v1/datasets/${id}`, { as: owner });

    expect([before, gone.status]).toEqual([2, 204]);
    await eventually(() => folders().length === 0, { what: "the folders removed" });
    await eventually(
      async () =>
        (await api.db.query("SELECT FROM data_removals WHERE resource_id = $1", [String(id)])).rowCount === 0,
      { what: "nothing left to remove" },
    );
  });

  test("the most that was announced of an upload bounds what its hosts may claim, whatever is announced later", async () => {
    const { id, client } = await dataset();
    await client.begin({ a: "a" }, { total_size: 5_000 });
    await client.begin({ a: "b" }, { total_size: 1 });

    const { rows } = await api.db.query(
      "SELECT total_size, announced_size FROM data_copies WHERE dataset_id = $1",
      [id],
    );

    expect(rows).toEqual([{ total_size: 1, announced_size: 5_000 }]);
  });

  test("an operator's folder is read in the pools that are named, and a new version of it leaves it alone", async () => {
    const { id, client } = await dataset();
    const entry = await entryOf(id);
    const folder = inPool(entry.storage_path);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "a"), "by hand");
    await api.request("PATCH", `/api/v1/datasets/${id}`, { as: api.admin, body: { status: "ready" } });

    const unnamed = await api.request("GET", `/api/v1/datasets/${id}/files?path=a`, { as: owner });
    const change = (storage_pools: string[], as = api.admin) =>
      api.request("PATCH", `/api/v1/datasets/${id}`, { as, body: { storage_pools } });
    const refused = [await change(["pool-a"], owner), await change(["pool-a", "pool-x"])];
    const named = await change(["pool-a", "pool-a"]);
    const read = await api.request("GET", `/api/v1/datasets/${id}/files?path=a`, { as: owner });
    const requested = (await poolFolders(api.db, { pool: "pool-a", after: null })).folders.map(
      ({ path }) => path,
    );
    await client.put({ a: "by its owner" });

    expect(unnamed).toMatchObject({
      status: 409,
      body: { detail: expect.stringContaining("No storage pool is named") },
    });
    expect(refused).toMatchObject([
      { status: 403, body: { errors: [{ path: "storage_pools" }] } },
      { status: 422, body: { errors: [{ path: "storage_pools" }] } },
    ]);
    expect(named).toMatchObject({ status: 200, body: { storage_pools: ["pool-a"] } });
    expect(requested).toContain(entry.storage_path);
    expect((await entryOf(id)).storage_pools).toEqual([]);
    expect(read.body).toBe("by hand");
    expect(readFileSync(join(folder, "a"), "utf8")).toBe("by hand");
    expect((await api.request("GET", `/api/v1/datasets/${id}/files?path=a`, { as: owner })).body).toBe(
      "by its owner",
    );
  });
});
