/** A host that answers for its files what it likes: whoever asks gets a clear refusal or a transfer that breaks, never more. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openApi, type ApiWorld, type Caller } from "../../support/http/api.ts";
import { type HostAnswers, ScriptedHost } from "../../support/http/host-answers.ts";

let api: ApiWorld;
let host: ScriptedHost;
let owner: Caller & { customerId: number; workspaceId: number };

const ending = new AsyncDisposableStack();
beforeAll(async () => {
  host = ending.use(await ScriptedHost.open());
  api = ending.adopt(await openApi(), (one) => one.close());
  api.deps.files = host.files;
  owner = await api.customer("ada");
  await api.db.query(
    `INSERT INTO hosts (id, name, ip_address, connection, storage_pool) VALUES ('host-1', 'gpu-1', '10.0.0.1', 'connected', 'pool-a');
     INSERT INTO environments (id, customer_id, workspace_id, name, image, cpu, memory, status, storage_pool, host_id)
       VALUES ('env-1', ${owner.customerId}, ${owner.workspaceId}, 'env-1', 'busybox', 1, 1073741824, 'stopped', 'pool-a', 'host-1')`,
  );
});
afterAll(() => ending.disposeAsync());

const FILES = "/api/v1/environments/env-1/files?path=/gemini/code/a";
const FILE = { "remotegpu-file-type": "file" };
const FOLDER = { "remotegpu-file-type": "folder", "content-type": "application/json" };
const unavailable = (detail: string) => ({
  status: 503,
  contentType: PROBLEM,
  body: { status: 503, detail },
});
const PROBLEM = "application/problem+json";
const SENSELESS = "Its host answered something else than was asked for.";

const get = (answer: HostAnswers, headers: Record<string, string> = {}) => {
  host.answer = answer;
  return api.request("GET", FILES, { as: owner, headers });
};
const listing = (...names: string[]) => ({
  files: names.map((name) => ({
    name: Buffer.from(name, "latin1").toString("base64url"),
    type: "file",
    bytes: 1,
    modifiedMs: 0,
  })),
  isMore: false,
});
const report =
  (status: number, headers: Record<string, string>, body = ""): HostAnswers =>
  (_request, response) =>
    void response.writeHead(status, headers).end(body);

describe("for a file", () => {
  test.each<[string, number, Record<string, string>]>([
    ["of no type", 200, { "content-length": "3" }],
    ["of another type", 200, { "remotegpu-file-type": "page", "content-length": "3" }],
    ["without a length", 200, FILE],
    ["that moved", 302, { ...FILE, location: "http://169.254.169.254/", "content-length": "3" }],
    ["that was made", 201, { ...FILE, "content-length": "3" }],
    [
      "of which nobody asked for a part",
      206,
      { ...FILE, "content-length": "3", "content-range": "bytes 0-2/9" },
    ],
    ["that is a tree", 200, { "remotegpu-file-type": "tree" }],
  ])("it answers one %s, which is refused", async (_what, status, headers) => {
    const answer = await get(report(status, headers, "abc"));

    expect(answer).toMatchObject(unavailable(SENSELESS));
  });

  test.each([
    ["of another length", "bytes 0-4/9"],
    ["of none", "bytes */9"],
    ["of no bytes", "0-2"],
  ])("it answers a part %s, which is refused", async (_what, range) => {
    const headers = { ...FILE, "content-length": "3", "content-range": range };
    const answer = await get(report(206, headers, "abc"), { Range: "bytes=0-2" });

    expect(answer).toMatchObject(unavailable(SENSELESS));
  });

  test("it refuses with a reason without an end, and is spoken of as a host that fails", async () => {
    host.sentBytes = 0;
    const answer = await get((_request, response) => {
      response.writeHead(500);
      host.endlessly(response, Buffer.alloc(65_536, "x"));
    });

    expect(answer).toMatchObject(unavailable("Its host answered something else."));
    expect(host.sentBytes).toBeLessThan(64 * 2 ** 20);
  });

  test("it breaks off amid it, which is no whole file", async () => {
    host.answer = (_request, response) => {
      response.writeHead(200, { ...FILE, "content-length": "100" }).write("begin");
      response.socket?.end();
    };
    const response = await api.app.request(FILES, { headers: { authorization: `Bearer ${owner.key}` } });

    await expect(response.text()).rejects.toThrow("aborted");
  });
});

describe("for a folder", () => {
  test.each([
    ["a step upwards", listing("..")],
    ["another folder", listing("../../.ssh/authorized_keys")],
    ["a name with a zero", listing("a\0b")],
    ["an empty name", listing("")],
    ["the same name twice", listing("a", "a")],
    ["names that begin anew", listing("b", "a")],
    ["a name that no disk has", listing("x".repeat(256))],
    ["more than a page", listing(...Array.from({ length: 201 }, (_, at) => String(1_000 + at)))],
    ["no folder", { freeBytes: 1 }],
  ])("it answers %s, which is refused", async (_what, body) => {
    const answer = await get(report(200, FOLDER, JSON.stringify(body)));

    expect(answer).toMatchObject(unavailable(SENSELESS));
  });

  test("it answers the same page for the next one, which is refused", async () => {
    const body = JSON.stringify({ ...listing("a", "b"), isMore: true });
    const first = await get(report(200, FOLDER, body));
    const next = await api.request("GET", `${FILES}&cursor=${first.body.next_cursor}`, { as: owner });

    expect([first.status, first.body.items.length]).toEqual([200, 2]);
    expect(next).toMatchObject(unavailable(SENSELESS));
  });

  test("it reports a time that no calendar has, which is left out", async () => {
    const [file] = listing("a").files;
    const body = JSON.stringify({ files: [{ ...file, modifiedMs: Number.MAX_SAFE_INTEGER }], isMore: false });
    const answer = await get(report(200, FOLDER, body));

    expect([answer.status, answer.body.items[0]!.modified_at]).toEqual([200, null]);
  });

  test("it goes on without an end, of which no more than a bound is read", async () => {
    host.sentBytes = 0;
    const answer = await get((_request, response) => {
      response.writeHead(200, FOLDER);
      host.endlessly(response, Buffer.from(`{"name":"${"a".repeat(200)}"},`.repeat(300)));
    });

    expect(answer).toMatchObject(unavailable("Its host answered more than 1048576 bytes."));
    expect(host.sentBytes).toBeLessThan(64 * 2 ** 20);
  });
});

describe("for an upload", () => {
  const begin = async (answer: HostAnswers) => {
    const made = await api.request("POST", "/api/v1/datasets", {
      as: owner,
      body: { name: crypto.randomUUID() },
    });
    host.answer = answer;
    return await api.request("POST", `/api/v1/datasets/${made.body.id}/uploads`, {
      as: owner,
      body: { manifest_sha256: "0".repeat(64), total_size: 1, file_count: 1 },
    });
  };

  test.each([
    ["a folder's page", 200, listing("a")],
    ["less than nothing", 200, { freeBytes: -1, hadBytes: 0, isSealed: false }],
    ["it with another status", 206, { freeBytes: 1, hadBytes: 0, isSealed: false }],
  ])("it answers %s, and nothing is begun", async (_what, status, body) => {
    const { rows: before } = await api.db.query("SELECT count(*) FROM data_copies");
    const answer = await begin(report(status, {}, JSON.stringify(body)));

    expect(answer).toMatchObject(unavailable(SENSELESS));
    expect((await api.db.query("SELECT count(*) FROM data_copies")).rows).toEqual(before);
  });

  test("it reports checksums without an end, of which no more go through than a file has", async () => {
    host.answer = (_request, response) => {
      response.writeHead(200);
      host.endlessly(response, Buffer.from(`${"A".repeat(43)}=\n`));
    };
    const query = `path=/gemini/code/a&size=9000000&sha256=${"0".repeat(64)}`;
    const reported = await api.app.request(`/api/v1/environments/env-1/upload-chunks?${query}`, {
      headers: { authorization: `Bearer ${owner.key}` },
    });

    expect((await reported.text()).length).toBe(17 + 3 * 45);
  });

  test("it takes a part and answers another thing, which is not taken", async () => {
    host.answer = (request, response) => {
      request.resume();
      response.end("{}");
    };
    const put = await api.app.request("/api/v1/environments/env-1/files?path=/gemini/code/a", {
      method: "PUT",
      headers: { authorization: `Bearer ${owner.key}`, "content-length": "1" },
      body: "a",
    });

    expect([put.status, await put.json()]).toMatchObject([503, { detail: SENSELESS }]);
  });
});
