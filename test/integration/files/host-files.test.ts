/** The files process of a host on a real pool: what it serves, what it refuses, and that links never lead it out. */
import { createHash } from "node:crypto";
import {
  chownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { Worker } from "node:worker_threads";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { filesSocket } from "@remotegpu/agent/config/config";
import { FilesUnderTest, nameOf } from "../../support/agent/files.ts";
import { eventually } from "../../support/eventually.ts";

const SECRET = "of another customer";

let files: FilesUnderTest;

const ending = new AsyncDisposableStack();
beforeAll(async () => {
  files = ending.adopt(await FilesUnderTest.begin(), (one) => one.end());
  mkdirSync(files.at("", "environments/env-2/code"), { recursive: true });
  writeFileSync(files.at("secret", "environments/env-2/code"), SECRET);
  writeFileSync(files.at("notes.txt"), "0123456789");
});
afterAll(() => ending.disposeAsync());

const sha256 = (bytes: string | Buffer) => createHash("sha256").update(bytes).digest("base64");

test("every thread of it may do no more than read, write and give away files, and only root comes in", async () => {
  const { pid } = files.program;
  const threads = readdirSync(`/proc/${pid}/task`);

  const rights = threads.map((thread) => {
    const status = readFileSync(`/proc/${pid}/task/${thread}/status`, "utf8");
    return /^CapEff:\s+(\w+)$/m.exec(status)?.[1] + (/^CapBnd:\s+(\w+)$/m.exec(status)?.[1] ?? "");
  });

  // CHOWN is the first right and DAC_OVERRIDE the second.
  expect(new Set(rights)).toEqual(new Set([`${"3".padStart(16, "0")}${"3".padStart(16, "0")}`]));
  expect(statSync(filesSocket(files.state)).mode & 0o777).toBe(0o600);
});

describe("reading", () => {
  test("a file is served whole, in parts and by its head, with one name for its state", async () => {
    const whole = await files.request({ path: "notes.txt" });
    const etag = whole.headers.etag ?? "";
    const parts = await Promise.all(
      ["bytes=2-4", "bytes=7-", "bytes=-2", "bytes=8-100", "bytes=0-1,4-5", "bytes=5-2"].map(
        async (range) => {
          const { status, body, headers } = await files.request({ path: "notes.txt", headers: { range } });
          return [status, body.toString(), headers["content-range"]];
        },
      ),
    );
    const head = await files.request({ method: "HEAD", path: "notes.txt" });

    expect([whole.status, whole.body.toString()]).toEqual([200, "0123456789"]);
    expect(parts).toEqual([
      [206, "234", "bytes 2-4/10"],
      [206, "789", "bytes 7-9/10"],
      [206, "89", "bytes 8-9/10"],
      [206, "89", "bytes 8-9/10"],
      [200, "0123456789", undefined],
      [200, "0123456789", undefined],
    ]);
    expect([head.status, head.headers["content-length"], head.headers.etag, head.body.length]).toEqual([
      200,
      "10",
      etag,
      0,
    ]);
    expect((await files.request({ path: "notes.txt", headers: { range: "bytes=10-" } })).status).toBe(416);
    expect((await files.request({ path: "notes.txt", headers: { "if-none-match": etag } })).status).toBe(304);
  });

  test("a part is requested of one state of the file alone", async () => {
    writeFileSync(files.at("growing"), "first");
    const { etag = "" } = (await files.request({ path: "growing" })).headers;
    const same = await files.request({ path: "growing", headers: { range: "bytes=3-", "if-range": etag } });
    writeFileSync(files.at("growing"), "second one");

    const other = await files.request({ path: "growing", headers: { range: "bytes=3-", "if-range": etag } });

    expect([same.status, same.body.toString()]).toEqual([206, "st"]);
    expect([other.status, other.body.toString()]).toEqual([200, "second one"]);
  });

  test("its checksum is sent to whoever requests it, of the whole also with a part", async () => {
    const { headers } = await files.request({
      path: "notes.txt",
      headers: { "want-repr-digest": "sha-256=1", range: "bytes=0-0" },
    });

    expect(headers["repr-digest"]).toBe(`sha-256=:${sha256("0123456789")}:`);
  });

  test("who leaves amid a large file ends its reading", async () => {
    writeFileSync(files.at("large"), "");
    truncateSync(files.at("large"), 4 * 2 ** 30);
    const sent = files.send({ path: "large" });
    sent.on("error", () => undefined);
    sent.end();
    await new Promise((resolve) => sent.on("response", resolve));
    const held = () => readdirSync(`/proc/${files.program.pid}/fd`).length;
    const amid = held();

    sent.destroy();

    expect(await eventually(() => held() < amid, { what: "the file closed" })).toBe(true);
  });
});

describe("folders", () => {
  test("names of any bytes are listed as they are, by their order, a page at a time", async () => {
    const folder = files.at("names");
    mkdirSync(folder);
    const names = [
      Buffer.from("a\nb"),
      Buffer.from("\u202egnp.exe"),
      Buffer.alloc(255, 0xff),
      Buffer.from("ä"),
      Buffer.from("-rf"),
      Buffer.from("sub"),
    ];
    for (const name of names.slice(0, -1))
      writeFileSync(Buffer.concat([Buffer.from(`${folder}/`), name]), "xy");
    mkdirSync(`${folder}/sub`);
    await execa("mkfifo", [`${folder}/pipe`]);
    symlinkSync("/etc/passwd", `${folder}/link`);

    const first = await files.list("names", { limit: "5" });
    const second = await files.list("names", { limit: "5", after: first.files.at(-1)?.name ?? "" });

    const all = [...first.files, ...second.files];
    const sorted = [...names, Buffer.from("pipe"), Buffer.from("link")].sort((a, b) => Buffer.compare(a, b));
    expect([first.isMore, second.isMore]).toEqual([true, false]);
    expect(all.map((one) => nameOf(one))).toEqual(sorted.map((name) => name.toString("latin1")));
    expect(Object.fromEntries(all.map((one) => [nameOf(one), [one.type, one.bytes]]))).toMatchObject({
      "a\nb": ["file", 2],
      sub: ["folder", 0],
      pipe: ["other", 0],
      link: ["link", 0],
    });
    const hostile = await files.request({
      path: Buffer.concat([Buffer.from("names/"), Buffer.alloc(255, 0xff)]),
    });
    expect(hostile.body.toString()).toBe("xy");
  });
});

describe("what is refused", () => {
  test.each([
    ["a step upwards", "../../env-2/code/secret", 400, "bad-path"],
    ["a step upwards amid others", "a/../../x", 400, "bad-path"],
    ["an absolute path", "/etc/passwd", 400, "bad-path"],
    ["an empty step", "a//b", 400, "bad-path"],
    ["a NUL", "notes.txt\0.png", 400, "bad-path"],
    ["a name that is too long", "x".repeat(256), 400, "bad-path"],
    ["a path that is too long", `${"x/".repeat(2_100)}x`, 400, "bad-path"],
    ["what is not there", "nothing", 404, "not-found"],
    ["a file as a folder", "notes.txt/x", 409, "not-a-folder"],
  ])("%s", async (_what, path, status, reason) => {
    expect(await files.refusal({ path })).toMatchObject({ status, reason });
    expect(
      await files.refusal({ method: "PUT", path: path === "nothing" ? "" : path, body: "x" }),
    ).toMatchObject({
      status: path === "nothing" ? 400 : status,
    });
  });

  test("links that leave the folder, pipes and devices, at once", async () => {
    const folder = files.at("traps");
    mkdirSync(folder);
    symlinkSync("/etc/passwd", `${folder}/absolute`);
    symlinkSync("../../../env-2/code/secret", `${folder}/upwards`);
    symlinkSync("/proc/self/root/etc/passwd", `${folder}/magic`);
    symlinkSync("loop", `${folder}/loop`);
    symlinkSync("../notes.txt", `${folder}/inside`);
    await execa("mkfifo", [`${folder}/pipe`]);
    await execa("mknod", [`${folder}/zero`, "c", "1", "5"]);

    const answers = await Promise.all(
      ["absolute", "upwards", "magic", "loop", "pipe", "zero"].map(async (name) => {
        const { status, reason, detail } = await files.refusal({ path: `traps/${name}` });
        return [name, status, reason, detail.includes(files.pool)];
      }),
    );

    expect(answers).toEqual([
      ["absolute", 403, "leaves-folder", false],
      ["upwards", 403, "leaves-folder", false],
      ["magic", 403, "leaves-folder", false],
      ["loop", 403, "leaves-folder", false],
      ["pipe", 409, "not-a-file", false],
      ["zero", 409, "not-a-file", false],
    ]);
    expect((await files.request({ path: "traps/inside" })).body.toString()).toBe("0123456789");
    expect((await files.refusal({ method: "PUT", path: "traps/upwards/x", body: "x" })).reason).toBe(
      "leaves-folder",
    );
  });

  test("a folder of the pool that is a link out of it, or missing", async () => {
    symlinkSync("/etc", files.at("", "outside"));

    expect(await files.refusal({ folder: "outside", path: "passwd" })).toMatchObject({ status: 403 });
    expect(await files.refusal({ folder: "../", path: "files.log" })).toMatchObject({ status: 403 });
    expect(await files.refusal({ folder: "environments/env-9/code" })).toMatchObject({ status: 404 });
  });

  test("a request that it does not know", async () => {
    expect(await files.refusal({ method: "PATCH", path: "notes.txt" })).toMatchObject({ status: 400 });
    expect(await files.refusal({ query: { after: "%%" } })).toMatchObject({ status: 400 });
    expect(await files.refusal({ query: { limit: "1001" } })).toMatchObject({ status: 400 });
  });
});

test("links exchanged all the time beside the reading never lead it out of the folder", async () => {
  const swaps = 10_000;
  mkdirSync(files.at("swapped/real"), { recursive: true });
  writeFileSync(files.at("swapped/real/secret"), "of this customer");
  const worker = new Worker(
    `const fs = require("node:fs"); const { workerData: { folder, swaps } } = require("node:worker_threads");
     fs.symlinkSync("real", folder + "/way");
     for (let swap = 0; swap < swaps; swap += 1) {
       const to = swap % 2 === 0 ? "../../../env-2/code" : "real";
       fs.symlinkSync(to, folder + "/next");
       fs.renameSync(folder + "/next", folder + "/way");
     }`,
    { eval: true, workerData: { folder: files.at("swapped"), swaps } },
  );
  const swapping = { isOver: false };
  const swapped = new Promise((resolve, reject) => worker.on("error", reject).on("exit", resolve));
  void swapped.finally(() => (swapping.isOver = true));

  const seen = new Map<string, number>();
  for (let reads = 0; !swapping.isOver || reads < 500; reads += 1) {
    const { status, body } = await files.request({ path: "swapped/way/secret" });
    const output = status === 200 ? body.toString() : String(status);
    seen.set(output, (seen.get(output) ?? 0) + 1);
  }
  await swapped;

  expect([...seen.keys()]).not.toContain(SECRET);
  expect([...seen.keys()].every((output) => ["of this customer", "403", "404", "503"].includes(output))).toBe(
    true,
  );
  expect(seen.get("of this customer")).toBeGreaterThan(0);
});

describe("writing", () => {
  test("a file takes its place whole, as whoever owns its folder, with the folders above it", async () => {
    mkdirSync(files.at("owned"));
    chownSync(files.at("owned"), 1234, 1235);
    const body = Buffer.alloc(300_000, "file");
    const headers = { "repr-digest": `sha-256=:${sha256(body)}:` };

    const put = await files.request({
      method: "PUT",
      path: "owned/new/run.sh",
      query: { executable: "1" },
      headers,
      body,
    });

    const { uid, gid, mode } = statSync(files.at("owned/new/run.sh"));
    expect([put.status, uid, gid, mode & 0o7777]).toEqual([204, 1234, 1235, 0o755]);
    expect(statSync(files.at("owned/new")).uid).toBe(1234);
    expect(readFileSync(files.at("owned/new/run.sh")).equals(body)).toBe(true);
  });

  test("what is not what its checksum states leaves everything as it was", async () => {
    writeFileSync(files.at("kept"), "kept");
    const headers = { "repr-digest": `sha-256=:${sha256("another")}:` };

    const refused = await files.refusal({ method: "PUT", path: "kept", headers, body: "changed" });

    expect([refused.status, refused.reason]).toEqual([422, "wrong-bytes"]);
    expect(readFileSync(files.at("kept"), "utf8")).toBe("kept");
    expect(readdirSync(files.at("")).filter((name) => name.includes("remotegpu-part"))).toEqual([]);
  });

  test("who leaves amid it leaves nothing behind", async () => {
    const sent = files.send({ method: "PUT", path: "broken-off", headers: { "content-length": "1000000" } });
    sent.on("error", () => undefined);
    sent.write(Buffer.alloc(1_000));
    const drafts = () => readdirSync(files.at("")).filter((name) => name.includes("remotegpu-part"));
    await eventually(() => drafts().length === 1, { what: "the draft" });

    sent.destroy();

    await eventually(() => drafts().length === 0, { what: "no draft" });
    expect(readdirSync(files.at(""))).not.toContain("broken-off");
  });

  test("a link in its place is replaced, not followed, and a folder is not", async () => {
    symlinkSync("notes.txt", files.at("linked"));

    await files.request({ method: "PUT", path: "linked", body: "its own" });

    expect(readFileSync(files.at("notes.txt"), "utf8")).toBe("0123456789");
    expect(readFileSync(files.at("linked"), "utf8")).toBe("its own");
    expect(await files.refusal({ method: "PUT", path: "names", body: "x" })).toMatchObject({ status: 409 });
  });

  test("more than the disk holds is refused before any of it is taken", async () => {
    const sent = files.send({ method: "PUT", path: "huge", headers: { "content-length": String(2 ** 50) } });
    sent.flushHeaders();
    const response = await new Promise<import("node:http").IncomingMessage>((resolve, reject) =>
      sent.on("response", resolve).on("error", reject),
    );
    response.resume();

    expect(response.statusCode).toBe(507);
    sent.destroy();
  });
});
