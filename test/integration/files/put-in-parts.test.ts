/** Long files that come in parts: what goes on after a kill, what a container may do to what lies beside, what is left. */
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import {
  chownSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { digestText } from "@remotegpu/shared/messages/files";
import { FOLDER } from "../../support/agent/files.ts";
import type { Caller } from "../../support/http/api.ts";
import { answeredBy } from "../../support/http/host-answers.ts";
import { FilesScene } from "../../support/worlds/files-scene.ts";

const MIB = 2 ** 20;
const CHUNK = 8 * MIB;
const TOTAL = 128 * MIB;
/** Each of the four streams has one on the way, and a busy machine may have refused some for the moment. */
const LOST_AT_MOST = 6 * CHUNK;

let scene: FilesScene;
let owner: Caller;

const ending = new AsyncDisposableStack();
beforeAll(async () => {
  scene = ending.use(await FilesScene.open());
  const { api } = scene;
  const ada = await api.customer("ada");
  owner = ada;
  await api.db.query(
    `INSERT INTO environments (id, customer_id, workspace_id, name, image, status, cpu, memory, storage_pool)
     VALUES ('env-1', $1, $2, 'work', 'busybox', 'stopped', 1, 1073741824, 'pool-a')`,
    [owner.customerId, ada.workspaceId],
  );
  mkdirSync(scene.files.at("", "environments/env-1/output"), { recursive: true });
});
afterAll(() => ending.disposeAsync());

const drafts = (folder = FOLDER) =>
  readdirSync(scene.files.at("", folder)).filter((name) => name.endsWith(".remotegpu-part"));

describe("by the command", () => {
  const put = ["env", "put", "env-1", "long.bin", "output/"] as const;
  const output = "environments/env-1/output";

  test(
    "a put that was killed goes on with what is missing, and until its end what was there stays",
    { timeout: 240_000 },
    async () => {
      const { line, files, here } = scene;
      const bytes = randomBytes(TOTAL);
      writeFileSync(join(here, "long.bin"), bytes);
      writeFileSync(files.at("long.bin", output), "before", { mode: 0o600 });
      const first = scene.begin(owner, ...put);
      await line.reached(line.sent + TOTAL / 2);
      first.kill("SIGKILL");
      await once(first, "exit");
      line.cut();
      const amid = [readFileSync(files.at("long.bin", output), "utf8"), drafts(output).length];
      const before = line.sent;

      const again = await scene.cli(owner, ...put, "--json");

      const reported = JSON.parse(again.stdout);
      expect(amid).toEqual(["before", 1]);
      expect([again.exitCode, again.stderr, reported.files]).toEqual([0, "", 1]);
      expect(reported.bytes).toBeLessThanOrEqual(TOTAL / 2 + LOST_AT_MOST);
      expect(line.sent - before).toBeLessThan(reported.bytes + LOST_AT_MOST);
      expect(readFileSync(files.at("long.bin", output)).equals(bytes)).toBe(true);
      expect([drafts(output), readdirSync(join(files.state, "files/written"))]).toEqual([[], []]);
      expect(statSync(files.at("long.bin", output)).mode & 0o777).toBe(0o644);
    },
  );

  test("other bytes under the same name are another file, and begin anew", { timeout: 120_000 }, async () => {
    const { line } = scene;
    writeFileSync(join(scene.here, "other.bin"), randomBytes(TOTAL / 2));
    const first = scene.begin(owner, "env", "put", "env-1", "other.bin");
    await line.reached(line.sent + TOTAL / 4);
    first.kill("SIGKILL");
    await once(first, "exit");
    line.cut();
    const bytes = randomBytes(TOTAL / 2);
    writeFileSync(join(scene.here, "other.bin"), bytes);

    const again = await scene.cli(owner, "env", "put", "env-1", "other.bin", "--json");

    expect(JSON.parse(again.stdout).bytes).toBe(bytes.length);
    expect(readFileSync(scene.files.at("other.bin")).equals(bytes)).toBe(true);
    // The former waits for whoever goes on with it.
    expect(drafts()).toHaveLength(1);
  });

  test("a put waits for a files process that was killed amid it", { timeout: 240_000 }, async () => {
    const { line, files } = scene;
    const bytes = randomBytes(TOTAL);
    writeFileSync(join(scene.here, "steady.bin"), bytes, { mode: 0o755 });
    const putting = scene.begin(owner, "env", "put", "env-1", "steady.bin");
    const ended = once(putting, "exit");

    await line.reached(line.sent + TOTAL / 4);
    await files.program.kill();
    await files.start();

    expect((await ended)[0]).toBe(0);
    expect(readFileSync(files.at("steady.bin")).equals(bytes)).toBe(true);
    expect(statSync(files.at("steady.bin")).mode & 0o777).toBe(0o755);
  });
});

test("to a host whose agent knows no parts a long file goes whole", async () => {
  const { deps } = scene.api;
  const { files } = deps;
  using _again = { [Symbol.dispose]: () => void (deps.files = files) };
  const unknown = { reason: "bad-request", detail: "This host's agent does not know that request." };
  deps.files = {
    request: async (host, question, signal) =>
      question.route === "/parts"
        ? { isReached: true, answer: answeredBy(Response.json(unknown, { status: 400 })) }
        : await files.request(host, question, signal),
  };
  const bytes = randomBytes(2 * CHUNK);
  writeFileSync(join(scene.here, "whole.bin"), bytes);

  const put = await scene.cli(owner, "env", "put", "env-1", "whole.bin");

  expect([put.exitCode, put.stderr]).toEqual([0, ""]);
  expect(readFileSync(scene.files.at("whole.bin")).equals(bytes)).toBe(true);
});

/** A file of two parts, as a program would bring it by the API. */
class Bringing {
  readonly bytes: Buffer;
  readonly name: string;
  readonly as: Caller;

  constructor(
    name: string,
    { as = owner, bytes = randomBytes(CHUNK + 5) }: { as?: Caller; bytes?: Buffer } = {},
  ) {
    [this.name, this.as, this.bytes] = [name, as, bytes];
  }

  get #file() {
    const sha256 = createHash("sha256").update(this.bytes).digest("hex");
    return { path: `/gemini/code/${this.name}`, size: this.bytes.length, sha256 };
  }

  #query(more: Record<string, string> = {}): string {
    const { path, size, sha256 } = this.#file;
    return new URLSearchParams({ path, size: String(size), sha256, ...more }).toString();
  }

  async part(
    index: number,
    bytes = this.bytes.subarray(index * CHUNK, (index + 1) * CHUNK),
  ): Promise<number> {
    const path = `/api/v1/environments/env-1/upload-chunks?${this.#query({ offset: String(index * CHUNK) })}`;
    const { status } = await scene.api.app.request(path, {
      method: "PUT",
      headers: {
        Authorization: `Bearer ${this.as.key}`,
        "Content-Length": String(bytes.length),
        "Content-Digest": digestText(createHash("sha256").update(bytes).digest("base64")),
      },
      body: new Uint8Array(bytes),
    });
    return status;
  }

  report() {
    return scene.api.request("GET", `/api/v1/environments/env-1/upload-chunks?${this.#query()}`, {
      as: this.as,
    });
  }

  complete() {
    return scene.api.request("POST", "/api/v1/environments/env-1/complete-file", {
      as: this.as,
      body: this.#file,
    });
  }

  async all() {
    await this.part(0);
    await this.part(1);
    return await this.complete();
  }
}

describe("by the API", () => {
  test("what is missing or is not what was declared is no file, and is gone on with", async () => {
    const bringing = new Bringing("pieces");

    const parts = [await bringing.part(0)];
    const early = await bringing.complete();
    parts.push(await bringing.part(1, Buffer.from("wrong")));
    const wrong = await bringing.complete();
    parts.push(await bringing.part(1));
    const there = await bringing.report();
    const ready = await bringing.complete();
    const again = await bringing.complete();

    expect(parts).toEqual([204, 204, 204]);
    expect(early).toMatchObject({
      status: 409,
      body: { detail: "Not all of it is there; put it again to go on." },
    });
    expect(wrong).toMatchObject({ status: 422 });
    expect(there.body).toBe(
      `${bringing.bytes.length}\n${[0, CHUNK]
        .map(
          (at) =>
            `${createHash("sha256")
              .update(bringing.bytes.subarray(at, at + CHUNK))
              .digest("base64")}\n`,
        )
        .join("")}`,
    );
    // Whoever did not hear the answer asks again.
    expect([ready.body, again.body]).toEqual(
      [1, 2].map(() => ({ status: "ready", checked_size: bringing.bytes.length })),
    );
    expect(readFileSync(scene.files.at("pieces")).equals(bringing.bytes)).toBe(true);
  });

  test("what was brought is in the audit log", async () => {
    await new Bringing("by-whom").all();
    const { rows } = await scene.api.db.query(
      "SELECT after ->> 'path' AS path FROM audit_log WHERE action = 'environment.put-file' AND after ->> 'path' LIKE '%by-whom' AND status < 300",
    );
    expect(rows).toEqual([{ path: "/gemini/code/by-whom" }]);
  });

  test("a link, a file with a second name and somebody else's file in its place beside are not written to", async () => {
    const bringing = new Bringing("trapped");
    writeFileSync(scene.files.at("kept"), "kept");
    const traps: ((beside: string) => void)[] = [
      (beside) => symlinkSync("kept", beside),
      (beside) => linkSync(scene.files.at("kept"), beside),
      (beside) => {
        writeFileSync(beside, "of a container");
        chownSync(beside, 1_000, 1_000);
      },
      (beside) => mkdirSync(join(beside, "deep"), { recursive: true }),
    ];
    for (const trap of traps) {
      const before = drafts();
      await bringing.part(0);
      const [name = ""] = drafts().filter((one) => !before.includes(one));
      rmSync(scene.files.at(name));
      trap(scene.files.at(name));

      expect(await bringing.all()).toMatchObject({ status: 200, body: { status: "ready" } });
      rmSync(scene.files.at("trapped"));
    }
    expect(readFileSync(scene.files.at("kept"), "utf8")).toBe("kept");
  });

  test("what nobody goes on with is removed after three days, and not before", async () => {
    const { files } = scene;
    for (const name of drafts()) rmSync(files.at(name));
    const age = async (days: number) => {
      for (const name of drafts())
        utimesSync(files.at(name), Date.now() / 1_000, Date.now() / 1_000 - days * 86_400);
      await files.program.kill();
      await files.start();
      return drafts().length;
    };
    await new Bringing("left").part(0);

    expect([await age(2.9), await age(3.1)]).toEqual([1, 0]);
    expect(readdirSync(join(files.state, "files/written"))).toEqual([]);
  });
});
