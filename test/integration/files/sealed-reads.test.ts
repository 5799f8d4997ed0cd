/** What is read of a sealed dataset: it is what was brought, or it is seen to have broken off, whatever its host sends. */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { filesSocket } from "@remotegpu/agent/config/config";
import type { HostFiles } from "@remotegpu/control-plane/server/core/hosts/host-files";
import { type ApiServer, openServer } from "@remotegpu/control-plane/server/http/server/server";
import { fileRequests } from "@remotegpu/control-plane/server/link/files/file-requests";
import { CHUNK_BYTES, digestText, SealState } from "@remotegpu/shared/messages/files";
import { FilesUnderTest } from "../../support/agent/files.ts";
import { eventually } from "../../support/eventually.ts";
import { type Answer, openApi, type ApiWorld, type Caller } from "../../support/http/api.ts";
import { answeredBy } from "../../support/http/host-answers.ts";
import { manifestOf, rootOf, sha256, type Tree, UploadClient } from "../../support/http/uploads.ts";

let api: ApiWorld;
let files: FilesUnderTest;
let honest: HostFiles;
/** To its files process, one for each question. */
const streams: Socket[] = [];
let server: ApiServer;
let owner: Caller;

const ending = new AsyncDisposableStack();
beforeAll(async () => {
  // The library that serves says of each transfer that breaks off that it did.
  const spoken = vi.spyOn(console, "error").mockImplementation(() => undefined);
  ending.defer(() => spoken.mockRestore());
  files = ending.adopt(await FilesUnderTest.begin(), (one) => one.end());
  api = ending.adopt(await openApi(), (one) => one.close());
  honest = fileRequests(async () => {
    const stream = connect(filesSocket(files.state));
    streams.push(stream);
    await once(stream, "connect");
    return { isOpen: true, stream };
  });
  api.deps.files = honest;
  server = ending.adopt(await openServer(api.app, { host: "127.0.0.1", port: 0, tls: null }), (one) =>
    one.close(),
  );
  owner = await api.customer("ada");
  await api.db.query(
    "INSERT INTO hosts (id, name, ip_address, connection, storage_pool) VALUES ('host-1', 'gpu-1', '10.0.0.1', 'connected', 'pool-a')",
  );
});
afterAll(() => ending.disposeAsync());
afterEach(() => {
  api.deps.files = honest;
});

const LARGE = Buffer.from(Array.from({ length: 2 * CHUNK_BYTES + 5 }, (_, at) => at % 251));
const TREE: Tree = { "a.txt": "alpha", empty: "", "sub/large": LARGE, z: "last" };

async function dataset(): Promise<{ id: number; client: UploadClient }> {
  const { body } = await api.request("POST", "/api/v1/datasets", {
    as: owner,
    body: { name: crypto.randomUUID() },
  });
  return { id: body.id, client: new UploadClient(api, owner, `/datasets/${body.id}`) };
}

async function sealed(
  tree = TREE,
  more: object = {},
): Promise<{ id: number; files: string; version: string }> {
  const { id, client } = await dataset();
  const done = await client.put(tree, more);
  expect([done.status, done.body.status]).toEqual([200, "ready"]);
  const entry = (await api.request("GET", `/api/v1/datasets/${id}`, { as: owner })).body;
  const folder = join(files.pool, entry.storage_path);
  return { id, files: folder, version: join(folder, "..") };
}

const versionOf = async (id: number) =>
  (await api.request("GET", `/api/v1/datasets/${id}/versions`, { as: owner })).body.items[0];

async function get(
  id: number,
  path: string,
  headers: Record<string, string> = {},
  method = "GET",
): Promise<Response> {
  return await fetch(`http://127.0.0.1:${server.port}/api/v1/datasets/${id}/files?path=${path}`, {
    method,
    headers: { authorization: `Bearer ${owner.key}`, ...headers },
  });
}

/** Its text, or of much the checksum; that it broke off; or its status where it is none. */
async function read(
  id: number,
  path: string,
  headers: Record<string, string> = {},
): Promise<string | number> {
  const response = await get(id, path, headers);
  if (response.status >= 400) return response.status;
  try {
    return textOf(Buffer.from(await response.arrayBuffer()));
  } catch {
    return "broken";
  }
}

const textOf = (bytes: Buffer) => (bytes.length > 10_000 ? sha256(bytes) : bytes.toString("latin1"));

test("whole files and parts of them are what was brought, and state that they were checked", async () => {
  const { id } = await sealed(TREE, { merkle_root: rootOf(TREE) });
  const [C, N] = [CHUNK_BYTES, LARGE.length];
  const ranges: [string, number, number][] = [
    ["0-0", 0, 1],
    [`${C - 1}-${C}`, C - 1, C + 1],
    [`${C}-${C}`, C, C + 1],
    [`0-${C - 1}`, 0, C],
    [`5-`, 5, N],
    ["-3", N - 3, N],
    [`${2 * C}-`, 2 * C, N],
    [`7-${N + 100}`, 7, N],
  ];

  for (const [range, start, end] of ranges) {
    const response = await get(id, "sub/large", { range: `bytes=${range}` });
    const bytes = Buffer.from(await response.arrayBuffer());
    expect([range, response.status, response.headers.get("content-range")]).toEqual([
      range,
      206,
      `bytes ${start}-${end - 1}/${N}`,
    ]);
    expect(bytes.equals(LARGE.subarray(start, end))).toBe(true);
    expect(response.headers.get("remotegpu-integrity")).toBe("checked");
  }
  expect(await read(id, "sub/large")).toBe(textOf(LARGE));
  expect([await read(id, "empty"), await read(id, "z")]).toEqual(["", "last"]);
  expect([await read(id, "sub/large", { range: `bytes=${N}-` }), await read(id, "nothing")]).toEqual([
    416, 404,
  ]);
  expect(await versionOf(id)).toMatchObject({ integrity: "checked" });
});

test("parts of a long file whose owner gave no root state that they are not checked, and all else that it is", async () => {
  const { id } = await sealed();
  const integrity = async (path: string, range: string, method = "GET") => {
    const response = await get(id, path, range === "" ? {} : { range: `bytes=${range}` }, method);
    await response.arrayBuffer();
    return response.headers.get("remotegpu-integrity");
  };

  expect([
    await integrity("sub/large", `${CHUNK_BYTES}-`),
    await integrity("sub/large", "0-0"),
    await integrity("sub/large", "0-0", "HEAD"),
  ]).toEqual(["unchecked", "unchecked", "unchecked"]);
  expect([
    await integrity("sub/large", ""),
    await integrity("sub/large", "0-"),
    await integrity("a.txt", "1-2"),
    await integrity("&tree=files", ""),
  ]).toEqual(["checked", "checked", "checked", "checked"]);
});

test("a path that none can have is bad input", async () => {
  const { id } = await sealed({ a: "alpha" });

  expect([await read(id, "..%2Fa"), await read(id, "a%2F..%2F..%2Fb")]).toEqual([422, 422]);
});

test("further pages of a folder are requested without a proof that it is no file", async () => {
  const { id } = await sealed();
  const routes: string[] = [];
  api.deps.files = {
    request: async (host, question, signal) => {
      routes.push(question.route);
      return await honest.request(host, question, signal);
    },
  };
  const { body: first } = await api.request("GET", `/api/v1/datasets/${id}/files?limit=1`, { as: owner });
  routes.splice(0);

  const second = await get(id, `&limit=1&cursor=${first.next_cursor}`);

  expect([second.status, routes]).toEqual([200, ["/entry"]]);
  expect(await read(id, `sub&limit=1&cursor=${first.next_cursor}`)).toContain("large");
  expect(await read(id, `z&cursor=${first.next_cursor}`)).toBe(422);
});

test("its tag and its checksum are of what was sealed, not of what its host reports", async () => {
  const { id } = await sealed({ a: "alpha" });
  const first = await get(id, "a", { "want-repr-digest": "sha-256=1" });
  const etag = first.headers.get("etag") ?? "";

  const same = await get(id, "a", { "if-none-match": etag });
  const rest = await get(id, "a", { range: "bytes=2-", "if-range": etag });
  const other = await get(id, "a", { range: "bytes=2-", "if-range": '"else"' });

  expect(first.headers.get("repr-digest")).toBe(digestText(sha256("alpha")));
  expect(etag).toBe(`"${createHash("sha256").update("alpha").digest("hex").slice(0, 32)}"`);
  expect([same.status, rest.status, await rest.text(), other.status, await other.text()]).toEqual([
    304,
    206,
    "pha",
    200,
    "alpha",
  ]);
});

describe("a host that has other bytes", () => {
  test("of the same length is found out in a whole and in a part, and in no other part", async () => {
    const { id, files: folder } = await sealed();
    const other = Buffer.from(LARGE);
    other[CHUNK_BYTES + 9] = 255;
    writeFileSync(join(folder, "sub/large"), other);
    const [C] = [CHUNK_BYTES];

    expect(await read(id, "sub/large")).toBe("broken");
    // Also where the byte itself was not asked for: nobody knows which of a part's bytes are others.
    for (const range of [`${C}-${C}`, `${C + 9}-${C + 9}`, `${2 * C - 1}-`, "0-"])
      expect([range, await read(id, "sub/large", { range: `bytes=${range}` })]).toEqual([range, "broken"]);
    expect(await read(id, "sub/large", { range: `bytes=0-${C - 1}` })).toBe(textOf(LARGE.subarray(0, C)));
    expect(await read(id, "sub/large", { range: `bytes=${2 * C}-` })).toBe(textOf(LARGE.subarray(2 * C)));
  });

  test("never lets the last byte go", async () => {
    const { id, files: folder } = await sealed({ a: "alpha" });
    writeFileSync(join(folder, "a"), "omega");
    const response = await get(id, "a");
    const reader = response.body?.getReader();
    let bytes = 0;
    const reading = (async () => {
      for (let next = await reader?.read(); next?.done === false; next = await reader?.read())
        bytes += next.value.length;
    })();

    await expect(reading).rejects.toThrow("terminated");
    expect([response.headers.get("content-length"), bytes < 5]).toEqual(["5", true]);
  });

  test.each(["alph", "alphaa", ""])("of another length is refused: %j", async (bytes) => {
    const { id, files: folder } = await sealed({ a: "alpha" });
    writeFileSync(join(folder, "a"), bytes);

    expect(await read(id, "a")).toBe(503);
  });

  test("and another list of files, sums and tree to match has nothing to show for it", async () => {
    const { id, version } = await sealed({ a: "alpha" });
    // All that belongs to another version, sealed by the same host.
    const forged = await sealed({ a: "omega" });
    for (const name of ["files", "manifest", "sums", "tree", "places"]) {
      rmSync(join(version, name), { recursive: true });
      renameSync(join(forged.version, name), join(version, name));
    }

    const answer = await api.request("GET", `/api/v1/datasets/${id}/files?path=a`, { as: owner });

    expect(answer).toMatchObject({
      status: 503,
      body: { detail: "What host gpu-1 has of it is not what was sealed." },
    });
  });

  test("shows a file that was never sealed to nobody", async () => {
    const { id, files: folder } = await sealed({ a: "alpha" });
    writeFileSync(join(folder, "b"), "beta");

    expect(await read(id, "b")).toBe(503);
  });

  test("or no proof at all is no host of before: what was checked once is never read unchecked", async () => {
    const { id, version } = await sealed({ a: "alpha" });
    api.deps.files = ofBefore();
    const old = await api.request("GET", `/api/v1/datasets/${id}/files?path=a`, { as: owner });
    api.deps.files = honest;
    rmSync(join(version, "tree"));

    expect(old).toMatchObject({
      status: 503,
      body: { detail: expect.stringContaining("its agent is too old") },
    });
    expect(await read(id, "a")).toBe(503);
  });
});

describe("other bytes than were sealed", () => {
  const openOf = async () =>
    (await api.request("GET", "/api/v1/alarms?open=true&kind=sealed-bytes-differ", { as: api.admin })).body
      .items;
  const folderOf = async (id: number) =>
    (await api.db.query<{ folder: string }>("SELECT folder FROM data_copies WHERE dataset_id = $1", [id]))
      .rows[0]?.folder;
  beforeEach(async () => void (await api.db.query("DELETE FROM alarms")));
  afterEach(async () => void (await api.db.query("DELETE FROM hosts WHERE id = 'host-2'")));

  test.each<[string, string, (folder: string) => void]>([
    ["in a whole file", "a.txt", (folder) => writeFileSync(join(folder, "a.txt"), "omega")],
    ["of another length", "a.txt", (folder) => writeFileSync(join(folder, "a.txt"), "alphabet")],
    ["of a file that is gone", "a.txt", (folder) => rmSync(join(folder, "a.txt"))],
    ["in a tree", "&tree=files", (folder) => writeFileSync(join(folder, "a.txt"), "omega")],
    [
      "of the list of files",
      "&tree=files",
      (folder) => writeFileSync(join(folder, "../manifest"), manifestOf({ "a.txt": "omega" })),
    ],
    [
      "of the proofs",
      "a.txt",
      (folder) =>
        writeFileSync(
          join(folder, "../tree"),
          readFileSync(join(folder, "../tree")).map((byte) => 255 - byte),
        ),
    ],
  ])("%s raise one alarm that names host, pool and version", async (_what, path, change) => {
    const { id, files: folder } = await sealed();
    change(folder);

    for (let n = 0; n < 2; n += 1) expect(["broken", 503]).toContain(await read(id, path));

    const found = await openOf();
    const place = `version 1 in ${await folderOf(id)} than were sealed`;
    expect(found.map(({ detail }) => detail)).toEqual([
      expect.stringContaining(`Host gpu-1 (host-1) of storage pool pool-a has other bytes of ${place}`),
    ]);
  });

  test("raise none where the host breaks off, refuses or is not reached", async () => {
    const { id } = await sealed({ a: "alpha" });
    const refused = answeredBy(
      Response.json({ reason: "failed", detail: "The disk is away." }, { status: 503 }),
    );
    const gone = new ReadableStream<Uint8Array>({ start: (body) => body.error(new Error("gone")) });
    const cut = answeredBy(
      new Response(gone, { headers: { "content-length": "5", "remotegpu-file-type": "file" } }),
    );
    for (const answer of [refused, cut]) {
      api.deps.files = {
        request: async (host, question, signal) =>
          question.route === "/entry"
            ? { isReached: true, answer }
            : await honest.request(host, question, signal),
      };
      expect(["broken", 503]).toContain(await read(id, "a"));
    }

    expect(await openOf()).toEqual([]);
  });

  test("keep their host from being read while another member of the pool has the right ones", async () => {
    const { id } = await sealed({ a: "alpha", b: "beta" });
    const other = await sealed({ a: "alpha" });
    await api.db.query(
      "INSERT INTO hosts (id, name, ip_address, connection, storage_pool) VALUES ('host-2', 'gpu-2', '10.0.0.2', 'connected', 'pool-a')",
    );
    const requested: string[] = [];
    const folder = await folderOf(id);
    api.deps.files = {
      request: async (host, question, signal) => {
        requested.push(host);
        const reply = await honest.request(host, question, signal);
        const isForged =
          host === "host-1" && question.route === "/entry" && question.folder.includes(folder ?? "-");
        if (!isForged || !reply.isReached) return reply;
        const bytes = Buffer.from(await new Response(reply.answer.body).arrayBuffer()).reverse();
        return {
          isReached: true,
          answer: answeredBy(new Response(bytes, { headers: reply.answer.headers })),
        };
      },
    };
    const readBy = async (dataset: number, path: string) => {
      requested.splice(0);
      return { text: await read(dataset, path), by: [...new Set(requested)] };
    };

    expect(await readBy(id, "a")).toEqual({ text: "broken", by: ["host-1"] });

    expect(await readBy(id, "a")).toEqual({ text: "alpha", by: ["host-2"] });
    expect(await readBy(id, "b")).toEqual({ text: "beta", by: ["host-2"] });
    expect((await readBy(id, "&tree=files")).by).toEqual(["host-2"]);
    expect(await readBy(other.id, "a")).toEqual({ text: "alpha", by: ["host-1"] });
    const [alarm] = await openOf();
    await api.request("POST", `/api/v1/alarms/${alarm!.id}/clear`, { as: api.admin });
    expect(await readBy(id, "a")).toEqual({ text: "broken", by: ["host-1"] });
  });

  test("of another length are passed over at once where another member has the right ones", async () => {
    const { id } = await sealed({ a: "alpha" });
    await api.db.query(
      "INSERT INTO hosts (id, name, ip_address, connection, storage_pool) VALUES ('host-2', 'gpu-2', '10.0.0.2', 'connected', 'pool-a')",
    );
    api.deps.files = {
      request: async (host, question, signal) => {
        if (host !== "host-1" || question.route !== "/entry")
          return await honest.request(host, question, signal);
        const headers = { "content-length": "3", "remotegpu-file-type": "file" };
        return { isReached: true, answer: answeredBy(new Response("alp", { headers })) };
      },
    };

    expect(await read(id, "a")).toBe("alpha");
    expect(await openOf()).toHaveLength(1);
  });

  test.each([
    ["a file", "a"],
    ["a folder with all below it", "&tree=files"],
  ])("of %s raise none where its owner has deleted the dataset meanwhile", async (_what, path) => {
    const { id, files: folder } = await sealed({ a: "alpha", b: "beta" });
    let isDeleted = false;
    api.deps.files = {
      request: async (host, question, signal) => {
        if (question.route === "/entry" && question.path !== "manifest" && !isDeleted) {
          isDeleted = true;
          await api.request("DELETE", `/api/v1/datasets/${id}`, { as: owner });
          rmSync(folder, { recursive: true, force: true });
        }
        return await honest.request(host, question, signal);
      },
    };

    expect(await read(id, path)).toBe(503);

    expect([isDeleted, await openOf()]).toEqual([true, []]);
  });

  describe("of a member that has lost its mount", () => {
    const requested: string[] = [];
    const lost: HostFiles = {
      request: async (host, question, signal) => {
        requested.push(host);
        if (host !== "host-1") return await honest.request(host, question, signal);
        const missing = { reason: "not-found", detail: "There is nothing." };
        return { isReached: true, answer: answeredBy(Response.json(missing, { status: 404 })) };
      },
    };
    const withAnother = async () =>
      await api.db.query(
        "INSERT INTO hosts (id, name, ip_address, connection, storage_pool) VALUES ('host-2', 'gpu-2', '10.0.0.2', 'connected', 'pool-a')",
      );
    const refuseAlarms = "ALTER TABLE alarms ADD CONSTRAINT refused CHECK (kind = '') NOT VALID";
    beforeEach(() => void requested.splice(0));

    test.each([
      ["a file", "a"],
      ["a folder with all below it", "&tree=files"],
    ])("%s is read from another one, though the alarm cannot be raised", async (_what, path) => {
      const { id } = await sealed({ a: "alpha" });
      await withAnother();
      api.deps.files = lost;
      await api.db.query(refuseAlarms);

      const text = await read(id, path).finally(() =>
        api.db.query("ALTER TABLE alarms DROP CONSTRAINT refused"),
      );

      expect(text).toContain("alpha");
    });

    test("every copy is read from others first, once as many of its alarms are open as there may be", async () => {
      const { id } = await sealed({ a: "alpha" });
      await withAnother();
      const alarms = async (from: number, to: number) =>
        await api.db.query(
          `INSERT INTO alarms (kind, subject, detail, raised_at)
           SELECT 'sealed-bytes-differ', 'host-1 copy ' || (1000000 + n), 'lost', now() FROM generate_series($1::int, $2) n`,
          [from, to],
        );
      const firstOf = async () => {
        requested.splice(0);
        const response = await get(id, "&limit=1");
        return [response.status, requested[0]];
      };

      await alarms(1, 49);
      api.deps.files = lost;
      const before = await firstOf();
      await alarms(50, 50);

      expect([before, await firstOf()]).toEqual([
        [404, "host-1"],
        [200, "host-2"],
      ]);
    });

    test("nothing is read where it is the only one, and the refusal names it", async () => {
      const { id } = await sealed({ a: "alpha" });
      api.deps.files = {
        request: async (host, question, signal) =>
          await (question.route === "/proof" ? honest : lost).request(host, question, signal),
      };

      const answer = await api.request("GET", `/api/v1/datasets/${id}/files?path=a`, { as: owner });

      expect(answer).toMatchObject({
        status: 503,
        body: { detail: "What host gpu-1 has of it is not what was sealed." },
      });
      expect([await read(id, "&tree=files"), requested]).toEqual([503, ["host-1", "host-1"]]);
    });
  });
});

describe("a folder with all below it", () => {
  const tree = async (id: number, path = "") => await read(id, `${path}&tree=files`);

  test("is what was brought, and states so", async () => {
    const { id } = await sealed();
    const response = await get(id, "&tree=files");
    const text = await response.text();

    expect(response.headers.get("remotegpu-integrity")).toBe("checked");
    expect([text.includes("alpha"), text.endsWith('{"is_whole":true}\n')]).toEqual([true, true]);
  });

  test.each<[string, (folder: string) => void]>([
    ["another small file", (folder) => writeFileSync(join(folder, "a.txt"), "omega")],
    ["a file more", (folder) => writeFileSync(join(folder, "b"), "beta")],
    ["a file less", (folder) => rmSync(join(folder, "z"))],
    [
      "a long file of another length",
      (folder) => writeFileSync(join(folder, "sub/large"), Buffer.alloc(2 ** 21)),
    ],
  ])("in which its host has %s breaks off", async (_what, change) => {
    const { id, files: folder } = await sealed();
    change(folder);

    expect(await tree(id)).toBe("broken");
  });

  test("that is requested by HEAD holds nothing, and nothing of it is left open", async () => {
    const { id } = await sealed();
    streams.splice(0);

    for (let n = 0; n < 9; n += 1) {
      const { status, headers } = await get(id, "&tree=files", {}, "HEAD");
      expect([status, headers.get("remotegpu-integrity")]).toEqual([200, "checked"]);
    }
    const response = await get(id, "&tree=files");

    expect(response.headers.get("remotegpu-integrity")).toBe("checked");
    expect(await response.text()).toContain("is_whole");
    await eventually(() => streams.every(({ destroyed }) => destroyed), { what: "nothing left open" });
  });

  test("below another folder is none of its own", async () => {
    const { id, files: folder } = await sealed();
    writeFileSync(join(folder, "a.txt"), "omega");

    expect(await tree(id, "sub")).toContain('{"is_whole":true}');
  });

  test("without its list of files is refused", async () => {
    const { id, version } = await sealed();
    writeFileSync(join(version, "manifest"), manifestOf({ "a.txt": "omega" }));

    expect(await tree(id)).toBe(503);
  });
});

describe("sealing", () => {
  test("by an agent of before makes a version that states it is not checked", async () => {
    api.deps.files = ofBefore();
    const { id } = await sealed({ a: "alpha" }, { merkle_root: "0".repeat(64) });

    const response = await get(id, "a");

    expect([await response.text(), response.headers.get("remotegpu-integrity")]).toEqual([
      "alpha",
      "unchecked",
    ]);
    expect(await versionOf(id)).toMatchObject({ integrity: "unchecked", status: "ready" });
  });

  test("by a host that comes to another root than whoever brought it declared is no version", async () => {
    const { id, client } = await dataset();
    const done = await client.put({ a: "alpha" }, { merkle_root: "0".repeat(64) });

    expect(done).toMatchObject({ status: 422 });
    expect(await versionOf(id)).toMatchObject({ status: "error", integrity: "unchecked" });
  });

  test("by a host that names a root of its own is no version, though nobody declared which it is", async () => {
    api.deps.files = {
      request: async (host, question, signal) => {
        const reply = await honest.request(host, question, signal);
        if (question.route !== "/seal" || !reply.isReached) return reply;
        const state = SealState.parse(await new Response(reply.answer.body).json());
        return {
          isReached: true,
          answer: answeredBy(Response.json({ ...state, merkleRoot: sha256("mine") })),
        };
      },
    };
    const { id, client } = await dataset();

    const done = await client.put(TREE);

    expect(done).toMatchObject({ status: 422 });
    expect((await versionOf(id))!.status).toBe("error");
  });

  test("by a host that has the parts of a long file in another order is found out by the list's owner", async () => {
    const { id, client } = await dataset();
    const { body } = await client.begin({ sub: LARGE });
    await client.file(body.upload, "sub", LARGE);
    await client.manifest(body.upload, manifestOf({ sub: LARGE }));
    api.deps.files = {
      request: async (host, question, signal) => {
        const reply = await honest.request(host, question, signal);
        if (question.path !== "sums" || !reply.isReached) return reply;
        const { headers, body: sums } = reply.answer;
        const bytes = Buffer.from(await new Response(sums).arrayBuffer());
        const turned = Buffer.concat([bytes.subarray(32, 64), bytes.subarray(0, 32), bytes.subarray(64)]);
        return { isReached: true, answer: answeredBy(new Response(turned, { headers })) };
      },
    };

    expect(await client.complete(body.upload)).toMatchObject({ status: 422 });
    expect((await versionOf(id))!.status).toBe("error");
  });

  test("by a host whose list has more than was announced costs nobody the hashes of it", async () => {
    const { client } = await dataset();
    const { body } = await brought(client);
    const requested: string[] = [];
    api.deps.files = {
      request: async (host, question, signal) => {
        requested.push(question.path);
        if (question.path !== "manifest") return await honest.request(host, question, signal);
        const line = { path: "YQ", bytes: 2 ** 52, sha256: sha256("a"), isExecutable: false };
        return { isReached: true, answer: answeredBy(new Response(`${JSON.stringify(line)}\n`)) };
      },
    };

    expect(await client.complete(body.upload)).toMatchObject({ status: 503 });
    expect(requested.at(-1)).toBe("manifest");
  });

  test("computes the roots of few versions at once, and bids others wait", async () => {
    const clients = await Promise.all(Array.from({ length: 5 }, dataset));
    const uploads = await Promise.all(clients.map(({ client }) => brought(client)));
    const gate = Promise.withResolvers<void>();
    api.deps.files = {
      request: async (host, question, signal) => {
        if (question.path === "manifest") await gate.promise;
        return await honest.request(host, question, signal);
      },
    };

    const requested = clients.map(({ client }, n) => client.complete(uploads[n]?.body.upload));
    const first = await Promise.race(requested);
    gate.resolve();
    const answers = await Promise.all(requested);

    expect([first.status, answers.map(({ status }) => status).toSorted((a, b) => a - b)]).toEqual([
      429,
      [200, 200, 200, 200, 429],
    ]);
    const late = answers.findIndex(({ status }) => status === 429);
    expect(await clients[late]?.client.complete(uploads[late]?.body.upload)).toMatchObject({ status: 200 });
  });
});

test("what is streamed of a host ends there where its head alone is requested", async () => {
  const { id, client } = await dataset();
  const { body } = await brought(client, { sub: LARGE });
  streams.splice(0);

  const head = await api.app.request(`/api/v1/datasets/${id}/upload-chunks?upload=${body.upload}&path=sub`, {
    method: "HEAD",
    headers: { authorization: `Bearer ${owner.key}` },
  });

  expect([head.status, head.body, streams.length]).toEqual([200, null, 1]);
  await eventually(() => streams.every(({ destroyed }) => destroyed), { what: "nothing left open" });
});

/** All but its end. */
async function brought(client: UploadClient, tree: Tree = { a: "alpha" }): Promise<Answer> {
  const begun = await client.begin(tree);
  for (const [path, content] of Object.entries(tree)) await client.file(begun.body.upload, path, content);
  await client.manifest(begun.body.upload, manifestOf(tree));
  return begun;
}

test("of a version without a file there is nothing to read, and it is checked all the same", async () => {
  const { id, version } = await sealed({});

  expect(await versionOf(id)).toMatchObject({ integrity: "checked" });
  expect(readFileSync(join(version, "tree")).length).toBe(0);
  expect(await read(id, "a")).toBe(404);
});

/** An agent one version back: it makes no lists of parts, and does not know what a proof is. */
function ofBefore(): HostFiles {
  return {
    request: async (host, question, signal) => {
      const unknown = { reason: "bad-request", detail: "This host's agent does not know that request." };
      if (question.route === "/proof")
        return { isReached: true, answer: answeredBy(Response.json(unknown, { status: 400 })) };
      const reply = await honest.request(host, question, signal);
      if (question.route !== "/seal" || !reply.isReached) return reply;
      const { merkleRoot: _root, ...state } = SealState.parse(await new Response(reply.answer.body).json());
      return { isReached: true, answer: answeredBy(Response.json(state, { status: reply.answer.status })) };
    },
  };
}
