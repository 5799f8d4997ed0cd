/** The remotegpu command as one file: what is in it, how it runs where nothing else is, and how the API hands it out. */
import { createHash } from "node:crypto";
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Script } from "node:vm";
import { transform } from "esbuild";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildCli } from "../../../control-plane/install/build-cli.ts";
import { commandFile } from "@remotegpu/control-plane/server/command-file";
import { openServer } from "@remotegpu/control-plane/server/http/server/server";
import { VERSION } from "@remotegpu/control-plane/server/release/version";
import { type ApiWorld, openApi } from "../../support/http/api.ts";
import { quietLog } from "../../support/quiet-log.ts";
import { NODE, NODE_VERSION } from "../../support/suite/commands-node.ts";

let api: ApiWorld;
let folder: string;
let text: string;
/** As people install it: without an ending. */
let command: string;

beforeAll(async () => {
  api = await openApi({ commandFile: commandFile(quietLog) });
  folder = mkdtempSync(join(tmpdir(), "remotegpu-command-"));
  text = String((await api.request("GET", "/cli/remotegpu.mjs")).body);
  command = join(folder, "remotegpu");
  writeFileSync(command, text);
  chmodSync(command, 0o755);
});
afterAll(async () => {
  await api.close();
  rmSync(folder, { recursive: true });
});

let homes = 0;
function newHome(): string {
  const home = join(folder, `home-${(homes += 1)}`);
  mkdirSync(home);
  return home;
}

/** With that Node, in this home, and nothing else of this machine. */
async function run(args: readonly string[], { home = newHome(), file = command, env = {}, input = "" } = {}) {
  const { exitCode, stdout, stderr } = await execa(NODE, [file, ...args], {
    env: { HOME: home, ...env },
    extendEnv: false,
    cwd: home,
    input,
    reject: false,
  });
  return { exitCode, stdout, stderr };
}

const compiledIn = (home: string) =>
  join(home, ".cache", "remotegpu", `compiled-${NODE_VERSION}-${process.arch}`);

describe("the file", () => {
  test("is the same from the same sources, and contains nothing of where it was made", async () => {
    expect((await buildCli()) === text).toBe(true);
    expect(text.startsWith(`#!/usr/bin/env node\n// remotegpu ${VERSION}\n`)).toBe(true);
    const places = [dirname(process.execPath), join(import.meta.dirname, "../../.."), `${tmpdir()}/`];
    expect([...places, "node_modules", "sourceMappingURL"].filter((one) => text.includes(one))).toEqual([]);
  });

  test("holds what the command needs and nothing of the server, each library with its licence", () => {
    const [, reported = ""] = text.split("It holds these libraries:");
    const libraries = [...reported.matchAll(/^(@?[\w/-]+) \d+\.\d+\.\d+$/gm)].map(([, name]) => name);

    expect(libraries).toEqual([
      "@colors/colors",
      "ansi-regex",
      "cli-table3",
      "commander",
      "emoji-regex",
      "ignore",
      "is-fullwidth-code-point",
      "string-width",
      "strip-ansi",
      "ws",
      "yaml",
      "zod",
    ]);
    expect(reported.match(/Permission (?:is hereby granted|to use, copy, modify)/g)?.length).toBe(
      libraries.length,
    );
    expect(text.length).toBeLessThan(720_000);
  });

  test("calls nothing that Node 20 does not have", () => {
    const newer =
      /\b(?:Map|Object)\.groupBy|\.withResolvers\(|\.fromAsync\(|Promise\.try\(|getBuiltinModule|RegExp\.escape|\.isSubsetOf\(|\.symmetricDifference\(|import\.meta/;

    expect(newer.exec(text)?.[0]).toBeUndefined();
  });

  test("uses no syntax or API that Node 20 does not know", async () => {
    const code = commandIn(text);
    const as = async (target: string) =>
      (
        await transform(code, {
          target,
          minify: true,
          charset: "utf8",
          supported: { "dynamic-import": false },
        })
      ).code;

    expect((await as("node20.0")) === (await as("esnext"))).toBe(true);
    // Words that stay as they are and mean nothing before Node 20.5.
    expect(/\bSymbol\.(asyncD|d)ispose\b|"asyncDispose"/.exec(code)?.[0]).toBeUndefined();
  });
});

describe("installed in an empty home", () => {
  test.each(["remotegpu", "remotegpu.mjs", "remotegpu.cjs"])("it runs as %s", async (name) => {
    const file = join(folder, name);
    if (file !== command) cpSync(command, file);

    expect(await run(["--version"], { file })).toEqual({ exitCode: 0, stdout: VERSION, stderr: "" });
  });

  test("it queries a real server, and prints what that has", async () => {
    const server = await openServer(api.app, { host: "127.0.0.1", port: 0, tls: null });
    try {
      const env = { REMOTEGPU_SERVER: `http://127.0.0.1:${server.port}`, REMOTEGPU_KEY: api.admin.key };
      const listed = await run(["customer", "list", "--json"], { env });
      const visible = await run(["env", "list"], { env });
      const refused = await run(["env", "show", "none"], { env });

      expect(JSON.parse(listed.stdout).items).toHaveLength(1);
      expect(visible).toMatchObject({ exitCode: 0, stderr: "" });
      expect(refused).toMatchObject({ exitCode: 1, stdout: "" });
    } finally {
      await server.close();
    }
  });

  // Before 20.10 Node itself reads no file without an ending there.
  test.skipIf(/^v20\.\d\./.test(NODE_VERSION))(
    "it runs among files of a package of modules, too",
    async () => {
      const home = newHome();
      writeFileSync(join(home, "package.json"), '{ "type": "module" }');
      const file = join(home, "remotegpu");
      cpSync(command, file);

      expect(await run(["--version"], { file })).toMatchObject({ exitCode: 0, stdout: VERSION });
    },
  );

  test("it reports in a line what is wrong, whatever it is given", async () => {
    const home = newHome();
    const noServer = {
      exitCode: 2,
      stdout: "",
      stderr: expect.stringMatching(/^remotegpu: No server is known\. .+$/),
    };
    expect(await run(["env", "list"])).toEqual(noServer);
    expect(await run(["login", "--server", "ftp://x"], { input: "rgk_1\n" })).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(/^remotegpu: .*not an http or https address.*$/),
    });
    const nobody = { REMOTEGPU_SERVER: "http://127.0.0.1:9", REMOTEGPU_KEY: "k" };
    expect(await run(["env", "list"], { env: nobody })).toMatchObject({
      exitCode: 3,
      stderr: expect.stringMatching(/^remotegpu: http:\/\/127\.0\.0\.1:9 cannot be reached: .+$/),
    });
    mkdirSync(join(home, ".config/remotegpu"), { recursive: true });
    writeFileSync(join(home, ".config/remotegpu/profile.json"), "\0{not json");
    expect(await run(["env", "list"], { home })).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(/^remotegpu: The profile \S+ cannot be read\.$/),
    });
  });

  test("a Node that is too old is named", async () => {
    const older = join(folder, "older.cjs");
    writeFileSync(older, 'Object.defineProperty(process.versions, "node", { value: "18.20.4" });');

    expect(await run(["--version"], { env: { NODE_OPTIONS: `--require ${older}` } })).toEqual({
      exitCode: 2,
      stdout: "",
      stderr: "remotegpu: It needs Node 20 or newer, and this is 18.20.4.",
    });
  });

  test("help lists all commands, and of one what it takes", async () => {
    const whole = await run(["--help"]);
    const one = await run(["help", "env", "create"]);

    expect(whole.stdout).toMatch(/^ {2}ssh <environment> /m);
    expect(whole.stdout).toMatch(/^ {2}env +dev environments$/m);
    expect(one.stdout).toContain("--memory <size>");
  });
});

describe("what V8 compiled", () => {
  test("is cached for the next start, for the user alone", async () => {
    const home = newHome();

    await run(["--version"], { home });
    const { mode, ino } = statSync(compiledIn(home));
    const again = await run(["--version"], { home });

    expect(mode & 0o777).toBe(0o600);
    expect(statSync(dirname(compiledIn(home))).mode & 0o777).toBe(0o700);
    expect(again.stdout).toBe(VERSION);
    expect(statSync(compiledIn(home)).ino).toBe(ino);
  });

  test.each([
    ["of another text", (path: string) => writeFileSync(path, Buffer.alloc(2_000, "x"))],
    ["cut short", (path: string) => writeFileSync(path, readFileSync(path).subarray(0, 64 + 500))],
    ["that others may write", (path: string) => chmodSync(path, 0o666)],
  ])("is made anew where there is something %s", async (_, spoil) => {
    const home = newHome();
    await run(["--version"], { home });
    const whole = readFileSync(compiledIn(home)).length;
    spoil(compiledIn(home));

    expect(await run(["--version"], { home })).toEqual({ exitCode: 0, stdout: VERSION, stderr: "" });
    expect(statSync(compiledIn(home)).mode & 0o777).toBe(0o600);
    expect(readFileSync(compiledIn(home)).length).toBeGreaterThan(whole / 2);
  });

  test("is cached nowhere without a home, and where nothing can be stored", async () => {
    const none = join(folder, "none");
    const env = { HOME: none, XDG_CACHE_HOME: "" };

    expect(await run(["--version"], { env })).toEqual({ exitCode: 0, stdout: VERSION, stderr: "" });
    expect(() => statSync(none)).toThrow("ENOENT");
    expect(await run(["--version"], { env: { XDG_CACHE_HOME: "/dev/null/x" } })).toMatchObject({
      exitCode: 0,
    });
  });
});

describe("the API", () => {
  test("hands it out to everybody, with its hash and its version, and not again to who has it", async () => {
    const first = await api.request("GET", "/cli/remotegpu.mjs");
    const tag = `"${createHash("sha256").update(text).digest("hex")}"`;

    expect(first).toMatchObject({ status: 200, contentType: "text/javascript; charset=utf-8" });
    expect(first.headers.get("etag")).toBe(tag);
    expect(first.headers.get("x-remotegpu-version")).toBe(api.deps.config.version);
    expect(first.headers.get("cache-control")).toBe("public, max-age=300");
    for (const known of [tag, `W/${tag}`, `"other", ${tag}`])
      expect(
        await api.request("GET", "/cli/remotegpu.mjs", { headers: { "If-None-Match": known } }),
      ).toMatchObject({ status: 304, body: "" });
    expect(
      (await api.request("GET", "/cli/remotegpu.mjs", { headers: { "If-None-Match": '"other"' } })).status,
    ).toBe(200);
  });

  test("states how it is installed, there and on its page", async () => {
    const line = `curl -fsSL ${api.deps.config.publicUrl}/cli/remotegpu.mjs -o ~/.local/bin/remotegpu`;

    expect(await api.request("GET", "/cli")).toMatchObject({
      status: 200,
      body: expect.stringContaining(line),
    });
    expect((await api.request("GET", "/docs/reference")).body).toContain(line);
  });

  test("without the file answers so", async () => {
    const none = await openApi({ commandFile: () => Promise.resolve(null) });
    try {
      expect(await none.request("GET", "/cli/remotegpu.mjs")).toMatchObject({
        status: 404,
        body: { detail: expect.stringContaining("no command to hand out") },
      });
    } finally {
      await none.close();
    }
  });
});

/** The command as the launcher holds it: a text of its own, which it compiles. */
function commandIn(launcher: string): string {
  const at = launcher.indexOf("(function (require) {");
  const quote = launcher[at - 1] ?? "";
  const literal = `${quote}${launcher.slice(at, launcher.indexOf(`})${quote}`, at))}})${quote}`;
  return String(new Script(literal).runInThisContext());
}
