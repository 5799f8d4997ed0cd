/** The code of jobs, from the command's function to Postgres: what is there is not sent again, and what may not be is refused. */
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { ApiClient } from "@remotegpu/control-plane/cli/framework/api-client";
import { uploadCode } from "@remotegpu/control-plane/cli/code/upload-code";
import { answerCode } from "@remotegpu/control-plane/server/controllers/hosts/code-parts";
import { type ApiServer, openServer } from "@remotegpu/control-plane/server/http/server/server";
import { beginCode } from "@remotegpu/control-plane/server/store/training/codes";
import { transaction } from "@remotegpu/control-plane/server/store/database/transaction";
import type { HostId } from "@remotegpu/shared/values/ids";
import { CODE_PART_BYTES } from "@remotegpu/shared/instance/code";
import { type Entry, packOf } from "../../support/code/archives.ts";
import { type ApiWorld, type Caller, openApi, problem } from "../../support/http/api.ts";

let api: ApiWorld;
let server: ApiServer;
let ada: Caller;
let sam: Caller;
let folder: string;

const ending = new AsyncDisposableStack();
beforeAll(async () => {
  api = ending.adopt(await openApi(), (one) => one.close());
  server = ending.adopt(await openServer(api.app, { host: "127.0.0.1", port: 0, tls: null }), (one) =>
    one.close(),
  );
  [ada, sam] = [await api.customer("ada"), await api.customer("sam")];
});
afterAll(() => ending.disposeAsync());

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "rg-code-"));
  return () => rmSync(folder, { recursive: true });
});

const client = (as: Caller) => new ApiClient({ server: `http://127.0.0.1:${server.port}`, key: as.key });
const hex = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

async function begun(pack: Buffer, as: Caller = ada, sha256 = hex(pack)) {
  const body = { sha256, size: pack.length };
  return await api.request("POST", "/api/v1/code-uploads", { as, body });
}

async function put(id: string, part: number, bytes: Buffer, as: Caller = ada, digest?: string) {
  const sha256 = digest ?? createHash("sha256").update(bytes).digest("base64");
  return await fetch(`http://127.0.0.1:${server.port}/api/v1/code-uploads/${id}/parts/${part}`, {
    method: "PUT",
    headers: {
      authorization: `Bearer ${as.key}`,
      "content-type": "application/octet-stream",
      "content-digest": `sha-256=:${sha256}:`,
    },
    body: new Uint8Array(bytes),
  });
}

const completed = async (id: string, as: Caller = ada) =>
  await api.request("POST", `/api/v1/code-uploads/${id}/complete`, { as });

/** Packed code that takes some parts. */
const large = () => packOf([{ name: "weights", content: randomBytes(1_000_000).toString("latin1") }]);

test("a folder goes over once; the same files again, from anywhere, send nothing", async () => {
  writeFileSync(join(folder, "main.py"), "print(1)\n");
  writeFileSync(join(folder, "data.bin"), randomBytes(CODE_PART_BYTES + 1));

  const first = await uploadCode(client(ada), folder);
  const again = await uploadCode(client(ada), folder);
  const others = await uploadCode(client(sam), folder);

  expect(first.sentBytes).toBeGreaterThan(CODE_PART_BYTES);
  expect(again).toEqual({ id: first.id, sentBytes: 0 });
  // Whoever only knows a checksum has nothing by it.
  expect(others).toEqual({ id: expect.not.stringMatching(first.id), sentBytes: first.sentBytes });
});

test("what broke off goes on with the parts that are missing", async () => {
  const pack = large();
  const { body } = await begun(pack);
  expect(body).toMatchObject({ status: "uploading", part_size: CODE_PART_BYTES, size: pack.length });
  const parts: number[] = body.missing_parts;
  expect(parts.length).toBeGreaterThan(1);
  for (const part of parts.slice(1))
    expect(
      (await put(body.id, part, pack.subarray(part * CODE_PART_BYTES, (part + 1) * CODE_PART_BYTES))).status,
    ).toBe(204);
  expect(await completed(body.id)).toMatchObject(problem(409));

  const resumed = await begun(pack);
  expect(resumed.body).toMatchObject({ id: body.id, missing_parts: [0] });
  await put(body.id, 0, pack.subarray(0, CODE_PART_BYTES));

  expect((await completed(body.id)).body).toMatchObject({ id: body.id, status: "ready", missing_parts: [] });
});

test.each<[string, Entry[], string]>([
  ["a link that leaves it", [{ name: "a", target: "../../etc/passwd" }], '"a" is a link that leaves it'],
  ["a device", [{ name: "disk", type: "4" }], '"disk" is a device'],
  ["an absolute path", [{ name: "/etc/passwd" }], '"/etc/passwd" has an absolute path'],
  ["a path upwards", [{ name: "../x" }], '"../x" has a path with ..'],
  ["a bomb", [{ name: "big", bytes: 2 ** 31 }], "bytes that it may have unpacked"],
])("%s is refused with its name, and nothing of it stays", async (_what, entries, why) => {
  const pack = packOf([{ name: "main.py" }, ...entries]);
  const { body } = await begun(pack);
  await put(body.id, 0, pack);

  const refused = await completed(body.id);

  expect(refused).toMatchObject(problem(422));
  expect(refused.body.detail).toContain(why);
  expect(await completed(body.id)).toMatchObject(problem(404));
});

test("what is not what its SHA-256 states is refused", async () => {
  const pack = packOf([{ name: "main.py" }]);
  const { body } = await begun(pack, ada, "0".repeat(64));
  await put(body.id, 0, pack);

  expect((await completed(body.id)).body.detail).toContain("is not what its SHA-256 says");
});

test.each<[string, (id: string, pack: Buffer) => Promise<Response>, number]>([
  [
    "a part that is not what its checksum says",
    (id, pack) => put(id, 0, pack, ada, "A".repeat(43) + "="),
    422,
  ],
  ["a part without a checksum", (id, pack) => put(id, 0, pack, ada, ""), 422],
  ["a part that is too short", (id, pack) => put(id, 0, pack.subarray(1)), 422],
  ["a part that is none of it", (id, pack) => put(id, 7, pack), 422],
  ["a part of somebody else's", (id, pack) => put(id, 0, pack, sam), 404],
])("%s is refused", async (_what, requested, status) => {
  const pack = packOf([{ name: "a.py", content: String(Math.random()) }]);
  const { body } = await begun(pack);

  expect((await requested(body.id, pack)).status).toBe(status);
});

test("where a customer has too much, what no unfinished job names is removed, the longest unused first", async () => {
  const bob = await api.customer("bob");
  const begin = (id: string, at: string) =>
    transaction(api.db, (sql) =>
      beginCode(sql, {
        id,
        customerId: bob.customerId,
        sha256: hex(Buffer.from(id)),
        size: 100_000_000,
        now: new Date(at),
      }),
    );
  for (let at = 0; at < 10; at += 1) await begin(`old-${at}`, `2026-01-01T0${at}:00:00Z`);
  await api.db.query(
    `INSERT INTO training_jobs (id, customer_id, workspace_id, name, image, command, status, cpu, memory, code_id)
     VALUES ('job-code', $1, $2, 'n', 'i', 'c', 'queued', 1, 1073741824, 'old-0')`,
    [bob.customerId, bob.workspaceId],
  );

  const made = await begin("new-1", "2026-01-02T00:00:00Z");

  expect(made).toMatchObject({ id: "new-1" });
  const { rows } = await api.db.query<{ id: string }>(
    "SELECT id FROM codes WHERE customer_id = $1 ORDER BY id",
    [bob.customerId],
  );
  // Named by a job that waits, the oldest stays; the next one goes.
  expect(rows.map(({ id }) => id)).toEqual([
    "new-1",
    "old-0",
    ...[2, 3, 4, 5, 6, 7, 8, 9].map((at) => `old-${at}`),
  ]);
});

test("a host gets the code of what is placed on it, and of nothing else", async () => {
  const pack = packOf([{ name: "main.py", content: "print(2)" }]);
  const { body } = await begun(pack);
  await put(body.id, 0, pack);
  await completed(body.id);
  await api.db.query(
    `INSERT INTO hosts (id, name, ip_address) VALUES ('host-1', 'gpu-1', '10.0.0.1'), ('host-2', 'gpu-2', '10.0.0.2')`,
  );
  await api.db.query(
    `INSERT INTO instances (id, workload_kind, workload_id, rank, current_epoch, state)
     VALUES ('ins-1', 'training', 'job-code', 0, 1, 'placed')`,
  );
  await api.db.query(
    `INSERT INTO placements (instance_id, epoch, host_id, state, spec, spec_hash, cpu_milli, memory_bytes)
     VALUES ('ins-1', 1, 'host-1', 'placed', $1, 'x', 1000, 1)`,
    [{ code: { sha256: hex(pack), bytes: pack.length } }],
  );
  const requested = (host: string, part: number) =>
    answerCode(api, host as HostId, { kind: "code-question", sha256: hex(pack), part });

  expect(await requested("host-1", 0)).toEqual({ kind: "code-part", base64: pack.toString("base64") });
  expect(await requested("host-1", 1)).toMatchObject({ kind: "refused" });
  expect(await requested("host-2", 0)).toMatchObject({ kind: "refused" });
});
