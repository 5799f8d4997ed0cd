/** Files of environments from the command and the API down to a real files process: who may what, whole and in parts, running or not. */
import { createHash, randomBytes } from "node:crypto";
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { once } from "node:events";
import { request, type IncomingMessage } from "node:http";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import type { FilesUnderTest } from "../../support/agent/files.ts";
import { eventually } from "../../support/eventually.ts";
import { problem, type ApiWorld, type Caller } from "../../support/http/api.ts";
import { FilesScene } from "../../support/worlds/files-scene.ts";

const LARGE_BYTES = 200 * 2 ** 20;

let api: ApiWorld;
let files: FilesUnderTest;
let scene: FilesScene;
let owner: Caller;
let here: string;

const ending = new AsyncDisposableStack();
beforeAll(async () => {
  scene = ending.use(await FilesScene.open());
  ({ api, files, here } = scene);
  const ada = await api.customer("ada");
  owner = ada;
  await api.db.query(
    `INSERT INTO environments (id, customer_id, workspace_id, name, image, status, cpu, memory, storage_pool)
     VALUES ('env-1', $1, $2, 'work', 'busybox', 'stopped', 1, 1073741824, 'pool-a'),
            ('env-2', $1, $2, 'away', 'busybox', 'stopped', 1, 1073741824, 'pool-b'),
            ('env-3', $1, $2, 'new', 'busybox', 'queued', 1, 1073741824, NULL)`,
    [owner.customerId, ada.workspaceId],
  );
  mkdirSync(files.at("", "environments/env-1/output"), { recursive: true });
  writeFileSync(files.at("train.py"), "print(42)\n");
});
afterAll(() => ending.disposeAsync());

const of = (path: string, id = "env-1") =>
  `/api/v1/environments/${id}/files?path=${encodeURIComponent(path)}`;
const sha256 = (bytes: Buffer) => createHash("sha256").update(bytes).digest("base64");

const cli = (...args: string[]) => scene.cli(owner, ...args);

describe("a stopped environment's files", () => {
  test("are listed from the two roots on, and read whole and in parts", async () => {
    const roots = await api.request("GET", of(""), { as: owner });
    const code = await api.request("GET", of("/gemini/code"), { as: owner });
    const part = await api.request("GET", of("/gemini/code/train.py"), {
      as: owner,
      headers: { Range: "bytes=0-4" },
    });

    expect(roots.body.items.map(({ name }: { name: string }) => name)).toEqual(["code", "output"]);
    expect(code.body).toEqual({
      items: [
        {
          name: "train.py",
          name_base64: null,
          path: "/gemini/code/train.py",
          path_base64: null,
          type: "file",
          size: 10,
          modified_at: expect.any(String),
        },
      ],
      next_cursor: null,
    });
    expect([part.status, part.body, part.headers.get("content-range")]).toEqual([
      206,
      "print",
      "bytes 0-4/10",
    ]);
    expect(part.headers.get("content-disposition")).toContain("attachment");
  });

  test("a folder comes a page at a time, names that are no text among them", async () => {
    const folder = files.at("many");
    mkdirSync(folder);
    const names = [Buffer.from([0xff, 0x0a]), ...Array.from({ length: 4 }, (_, at) => Buffer.from(`f${at}`))];
    for (const name of names) writeFileSync(Buffer.concat([Buffer.from(`${folder}/`), name]), "x");

    const first = await api.request("GET", `${of("/gemini/code/many")}&limit=3`, { as: owner });
    const second = await api.request(
      "GET",
      `${of("/gemini/code/many")}&limit=3&cursor=${first.body.next_cursor}`,
      { as: owner },
    );

    const all = [...first.body.items, ...second.body.items];
    expect(all.map(({ name }) => name)).toEqual(["f0", "f1", "f2", "f3", "\ufffd\n"]);
    expect(second.body.next_cursor).toBeNull();
    const path = Buffer.concat([Buffer.from("/gemini/code/many/"), names[0] ?? Buffer.of()]).toString(
      "base64url",
    );
    const hostile = await api.request("GET", `/api/v1/environments/env-1/files?path_base64=${path}`, {
      as: owner,
    });
    expect([hostile.status, hostile.body]).toEqual([200, "x"]);
  });

  test("a page goes on behind a name that is as long as names may be", async () => {
    const folder = files.at("long-names");
    mkdirSync(folder);
    const names = ["a", "b", "c"].map((first) => first + "山".repeat(84) + "xx");
    for (const name of names) writeFileSync(`${folder}/${name}`, "x");
    const page = async (query: string) =>
      (await api.request("GET", `${of("/gemini/code/long-names")}${query}`, { as: owner })).body;
    const namesOf = ({ items }: { items: { name: string }[] }) => items.map(({ name }) => name);

    const first = await page("&limit=2");

    expect(namesOf(first)).toEqual(names.slice(0, 2));
    expect(namesOf(await page(`&limit=2&cursor=${first.next_cursor}`))).toEqual(names.slice(2));
  });

  test("HEAD and GET with a checksum report the same of a file", async () => {
    const headers = { "Want-Repr-Digest": "sha-256=1" };
    const head = await api.request("HEAD", of("/gemini/code/train.py"), { as: owner, headers });
    const got = await api.request("GET", of("/gemini/code/train.py"), { as: owner, headers });

    const digest = `sha-256=:${sha256(Buffer.from("print(42)\n"))}:`;
    expect([head.headers.get("repr-digest"), got.headers.get("repr-digest")]).toEqual([digest, digest]);
    expect(head.headers.get("etag")).toBe(got.headers.get("etag"));
  });
});

describe("who", () => {
  test("who probed a file as an administrator, and who put one, is in the audit log", async () => {
    const path = of("/gemini/code/train.py");

    expect((await api.request("PUT", of("/gemini/code/by-whom"), { as: owner, body: "x" })).status).toBe(204);
    expect((await api.request("HEAD", path, { as: api.admin })).status).toBe(200);
    const { rows } = await api.db.query("SELECT subject, status FROM audit_log WHERE method = 'HEAD'");
    expect(rows).toEqual([{ subject: "environment env-1", status: 200 }]);
    const puts = await api.db.query(
      "SELECT status FROM audit_log WHERE action = 'environment.put-file' ORDER BY id DESC LIMIT 1",
    );
    expect(puts.rows).toEqual([{ status: 204 }]);
  });

  test.each([
    ["/etc/passwd", 422],
    ["/gemini/code/../../env-2/code/x", 422],
    ["/gemini/data-1/x", 422],
    ["/gemini/code/nothing", 404],
    ["/gemini/code/leaving", 403],
  ])("nobody gets %s", async (path, status) => {
    symlinkSync("/etc/passwd", files.at("leaving"));
    const requested = await api.request("GET", of(path), { as: owner });
    rmSync(files.at("leaving"));

    expect(requested).toMatchObject(problem(status));
  });

  test("without a host, or before its first start, a sentence states why there are none", async () => {
    expect(await api.request("GET", of("/gemini/code", "env-2"), { as: owner })).toMatchObject({
      status: 503,
      body: { detail: "No host of storage pool pool-b is heard now." },
    });
    expect(await api.request("GET", of("/gemini/code", "env-3"), { as: owner })).toMatchObject({
      status: 409,
      body: { detail: "The environment has not run yet, so it has no files." },
    });
  });
});

describe("a link for a browser", () => {
  const link = async () =>
    new URL(
      (
        await api.request("POST", "/api/v1/environments/env-1/download-links", {
          as: owner,
          body: { path: "/gemini/code/train.py" },
        })
      ).body.url,
    );

  test("leads to the file without a key, until its time is over, and never when it was changed", async () => {
    const { pathname } = await link();

    const got = await api.request("GET", pathname);
    const forged = await api.request("GET", `${pathname.slice(0, -3)}AAA`);
    api.passMinutes(11);
    const late = await api.request("GET", pathname);

    expect([got.status, got.body]).toEqual([200, "print(42)\n"]);
    expect(forged).toMatchObject(problem(422));
    expect(late).toMatchObject(problem(403));
  });

  test("opens nothing once the key that made it is revoked", async () => {
    const own = await api.key(owner, {});
    const requested = await api.request("POST", "/api/v1/environments/env-1/download-links", {
      as: own,
      body: { path: "/gemini/code/train.py" },
    });
    await api.db.query(
      "UPDATE api_keys SET revoked_at = now() WHERE key_hash = encode(sha256($1::bytea), 'hex')",
      [own.key],
    );

    expect(await api.request("GET", new URL(requested.body.url).pathname)).toMatchObject(problem(403));
  });
});

describe("by the command, over a real connection", () => {
  test(
    "200 MB go in and come back the same, beyond what other bodies may have",
    { timeout: 240_000 },
    async () => {
      const bytes = randomBytes(LARGE_BYTES);
      writeFileSync(join(here, "large.bin"), bytes);

      const put = await cli("env", "put", "env-1", "large.bin", "output/");
      const got = await cli("env", "get", "env-1", "output/large.bin", "back.bin");

      expect([put.exitCode, put.stderr, got.exitCode, got.stderr]).toEqual([0, "", 0, ""]);
      expect(sha256(readFileSync(files.at("large.bin", "environments/env-1/output")))).toBe(sha256(bytes));
      expect(sha256(readFileSync(join(here, "back.bin")))).toBe(sha256(bytes));
    },
  );

  test("folders go in and come back with what may be run, and links are left out and reported", async () => {
    mkdirSync(join(here, "tree/sub"), { recursive: true });
    writeFileSync(join(here, "tree/run.sh"), "#!/bin/sh\n", { mode: 0o755 });
    writeFileSync(join(here, "tree/sub/a\nb"), "");
    symlinkSync("/etc/passwd", join(here, "tree/link"));

    const put = await cli("env", "put", "env-1", "tree");
    symlinkSync("run.sh", files.at("tree/inside"));
    const listed = await cli("env", "ls", "env-1", "code/tree", "--json");
    const got = await cli("env", "get", "env-1", "code/tree", "copy");

    expect([put.exitCode, put.stderr.includes("tree/link is no file")]).toEqual([0, true]);
    expect(statSync(files.at("tree/run.sh")).mode & 0o777).toBe(0o755);
    expect(
      JSON.parse(listed.stdout).items.map(({ name, type }: Record<string, string>) => [name, type]),
    ).toEqual([
      ["inside", "link"],
      ["run.sh", "file"],
      ["sub", "folder"],
    ]);
    expect([got.exitCode, got.stderr.includes("code/tree/inside is no file")]).toEqual([0, true]);
    expect(readdirSync(join(here, "copy"), { recursive: true }).map(String).toSorted()).toEqual([
      "run.sh",
      "sub",
      "sub/a\nb",
    ]);
  });

  test("a folder of more files than a key may make requests for at once goes in whole", async () => {
    const names = Array.from({ length: 60 }, (_, nth) => `many/${nth % 3}/deep/file-${nth}`);
    for (const folder of ["0", "1", "2"]) mkdirSync(join(here, "many", folder, "deep"), { recursive: true });
    for (const name of names) writeFileSync(join(here, name), name);
    const { perKey } = api.deps.config.rateLimits;
    const before = { ...perKey };
    Object.assign(perKey, { burst: 20, perSecond: 20 });
    onTestFinished(() => void Object.assign(perKey, before));

    const put = await cli("env", "put", "env-1", "many", "output/", "--json");

    expect(put).toMatchObject({ exitCode: 0, stderr: "" });
    expect(JSON.parse(put.stdout)).toMatchObject({
      files: names.length,
      bytes: names.reduce((sum, name) => sum + name.length, 0),
    });
    const at = (name: string) => files.at(name, "environments/env-1/output");
    expect(names.map((name) => readFileSync(at(name), "utf8"))).toEqual(names);
  });

  test("a fetch that was killed goes on where it was", async () => {
    const bytes = randomBytes(64 * 2 ** 20);
    writeFileSync(files.at("resumed.bin"), bytes);
    const drafts = () => readdirSync(here).filter((name) => name.startsWith("resumed.bin."));
    const child = scene.begin(owner, "env", "get", "env-1", "code/resumed.bin");
    await eventually(() => drafts().length > 0, { what: "a part" });
    child.kill("SIGKILL");
    await once(child, "exit");
    // As much of it as a slow line had brought by then.
    const { headers } = await api.request("HEAD", of("/gemini/code/resumed.bin"), { as: owner });
    const state = (headers.get("etag") ?? "").replaceAll('"', "");
    const had = 10_000_000;
    for (const name of [...drafts(), "resumed.bin"]) rmSync(join(here, name), { force: true });
    writeFileSync(join(here, `resumed.bin.${state}.remotegpu-part`), bytes.subarray(0, had));

    const again = await cli("env", "get", "env-1", "code/resumed.bin", "--json");

    expect([again.exitCode, JSON.parse(again.stdout).bytes]).toEqual([0, bytes.length - had]);
    expect(sha256(readFileSync(join(here, "resumed.bin")))).toBe(sha256(bytes));
    expect(drafts()).toEqual([]);
  });

  test("who leaves amid a large answer ends its reading on the host, and one that reads nothing holds it back", async () => {
    writeFileSync(files.at("endless"), "");
    truncateSync(files.at("endless"), 8 * 2 ** 30);
    const open = () => readdirSync(`/proc/${files.program.pid}/fd`).length;
    const before = open();
    const sent = request({
      port: scene.port,
      path: of("/gemini/code/endless"),
      headers: { Authorization: `Bearer ${owner.key}` },
    });
    sent.on("error", () => undefined);
    sent.end();
    const [response] = (await once(sent, "response")) as [IncomingMessage];
    response.pause();
    const amid = open();

    sent.destroy();

    expect(amid).toBeGreaterThan(before);
    expect(await eventually(() => open() <= before, { what: "the file closed" })).toBe(true);
  });

  test("what is not there is reported in a sentence", async () => {
    const { exitCode, stderr } = await cli("env", "get", "env-1", "code/nothing");

    expect([exitCode, stderr]).toEqual([1, "remotegpu: There is no such file or folder. (404)"]);
  });
});
