/** `config check` of both programs as an operator types it: the file, the environment and credentials, and no secret. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { serverCertificate } from "@remotegpu/control-plane/server/embedded/certificate-authority";
import { AGENT_SETTINGS } from "@remotegpu/agent/config/config-defaults";
import { CONTROL_PLANE_SETTINGS } from "@remotegpu/control-plane/server/config-defaults";
import { parseSettingsFile } from "@remotegpu/shared/settings/settings-file";
import { AGENT, CONTROL_PLANE } from "../../support/programs/program.ts";
import { COMPILED } from "../../support/suite/compiled.ts";

const SECRET = "hunter2-Hunter3";
const WITHIN_MS = 60_000;
const PROGRAMS = [
  { program: CONTROL_PLANE, definition: CONTROL_PLANE_SETTINGS },
  { program: AGENT, definition: AGENT_SETTINGS },
];
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "remotegpu-config-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

function fileOf(name: string, text: string, mode = 0o600): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

/** In an environment with nothing but what is given. */
async function run(program: string, args: string[], env: Record<string, string> = {}) {
  const { exitCode, stdout, stderr } = await execa(process.execPath, [program, ...args], {
    extendEnv: false,
    env: { ...COMPILED, ...env },
    reject: false,
    timeout: WITHIN_MS,
  });
  return { exitCode, stdout, stderr };
}

describe.each(PROGRAMS)("$program", ({ program, definition }) => {
  test(
    "lists every setting with its value and its origin, and ends with 0",
    { timeout: WITHIN_MS },
    async () => {
      const file = fileOf("good.env", "# ours\nREMOTEGPU_LOG_LEVEL=debug\nREMOTEGPU_LOG_FORMAT=text\n");

      const done = await run(program, ["config", "check", "--config", file], {
        REMOTEGPU_LOG_FORMAT: "json",
      });

      expect(done).toMatchObject({ exitCode: 0, stderr: "" });
      const rows = done.stdout.split("\n").map((line) => line.split(/ {2,}/));
      expect(rows.slice(1, definition.names.length + 1).map(([name]) => name)).toEqual(definition.names);
      expect(rows).toContainEqual(["REMOTEGPU_CONFIG_FILE", file, "option"]);
      expect(rows).toContainEqual(["REMOTEGPU_LOG_LEVEL", "debug", `${file}:2`]);
      expect(rows).toContainEqual(["REMOTEGPU_LOG_FORMAT", "json", "environment"]);
      expect(rows.filter(([, , origin]) => origin === "default")).toHaveLength(definition.names.length - 3);
    },
  );

  test("prints no secret, wherever it stands, and ends with 1", { timeout: WITHIN_MS }, async () => {
    const names = [...Object.keys(definition.kinds), "REMOTEGPU_MISTYPED"];
    const credentials = join(folder, "credentials");
    mkdirSync(credentials, { recursive: true });
    for (const name of names) writeFileSync(join(credentials, name), `${SECRET}\n`);
    const planted = (value: string) => Object.fromEntries(names.map((name) => [name, value]));
    const lines = Object.entries(planted(SECRET)).map(([name, value]) => `${name}="${value}"`);
    const file = fileOf("secrets.env", [...lines, SECRET, `${SECRET}=x="`, ""].join("\n"), 0o644);

    const all = await Promise.all(
      [
        planted(SECRET),
        planted(`postgres://user:${SECRET}@db/fleet?password=${SECRET}`),
        { CREDENTIALS_DIRECTORY: credentials, REMOTEGPU_MISTYPED: SECRET },
        { REMOTEGPU_CONFIG_FILE: file },
      ].flatMap((env) => [
        run(program, ["config", "check"], env),
        run(program, ["config", "check", "--json"], env),
      ]),
    );

    for (const { exitCode, stdout, stderr } of all) {
      expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: "" });
      expect(stdout).not.toContain(SECRET);
      expect(stdout).toMatch(/\[\d+ characters\]/);
      expect(stdout).toContain("REMOTEGPU_MISTYPED");
    }
    expect(all.at(-2)?.stdout).toContain(`chmod 600 ${file}`);
  });

  test("names a file that is missing, and a mistyped setting's nearest", { timeout: WITHIN_MS }, async () => {
    const missing = await run(program, ["config", "check"], {
      REMOTEGPU_CONFIG_FILE: join(folder, "missing.env"),
    });
    const mistyped = await run(program, ["config", "check"], { REMOTEGPU_LOGLEVEL: "info" });

    expect(missing).toMatchObject({ exitCode: 1, stdout: "" });
    expect(missing.stderr).toMatch(/^\S+: the settings file cannot be read: ENOENT.*missing\.env'$/);
    expect(mistyped.exitCode).toBe(1);
    expect(mistyped.stdout).toContain(
      "unknown: REMOTEGPU_LOGLEVEL (environment); the nearest is REMOTEGPU_LOG_LEVEL",
    );
  });

  test(
    "starts with no broken line in its file, and names the line of a wrong value",
    { timeout: WITHIN_MS },
    async () => {
      const broken = fileOf("broken.env", `REMOTEGPU_LOG_LEVEL=info\nexport A=${SECRET}\n`);
      const wrong = fileOf("wrong.env", "\nREMOTEGPU_LOG_LEVEL=loud\n");

      const [first, second] = await Promise.all(
        [broken, wrong].map((file) => run(program, ["run"], { REMOTEGPU_CONFIG_FILE: file })),
      );

      expect(first).toMatchObject({ exitCode: 1, stdout: "" });
      expect(first?.stderr).toMatch(/^\S+: \S+broken\.env:2: is not NAME=value$/);
      expect(second?.stderr).toMatch(/^\S+: REMOTEGPU_LOG_LEVEL: .*\(\S+wrong\.env:2\)$/);
    },
  );
});

test("files that settings name are tried as the server would", { timeout: WITHIN_MS }, async () => {
  const made = (name: string) =>
    serverCertificate(join(folder, name), { addresses: ["web.example.com"], now: new Date() });
  const [one, other] = [await made("one"), await made("other")];
  const check = (env: Record<string, string>) => run(CONTROL_PLANE, ["config", "check"], env);

  const [good, mixed, missing] = await Promise.all([
    check({ WEB_CERT: one.certFile, WEB_KEY: one.keyFile, NATS_CA_FILE: join(folder, "one/ca.pem") }),
    check({ WEB_CERT: one.certFile, WEB_KEY: other.keyFile, NATS_CA_FILE: one.keyFile }),
    check({ WEB_CERT: one.certFile, WEB_KEY: "/no/such.pem" }),
  ]);

  expect(good?.exitCode).toBe(0);
  expect(mixed?.stdout).toMatch(/\ninvalid: WEB_CERT \(environment\): no pair with WEB_KEY: /);
  expect(mixed?.stdout).toMatch(/\ninvalid: NATS_CA_FILE \(environment\): no certificate: /);
  expect(missing?.stdout).toMatch(/\ninvalid: WEB_KEY \(environment\): ENOENT/);
});

test("a gateway alone also needs the fleet's database", { timeout: WITHIN_MS }, async () => {
  const alone = await run(CONTROL_PLANE, ["config", "check", "--gateway"], {
    REMOTEGPU_GATEWAY_LISTEN: "off",
  });

  expect(alone.exitCode).toBe(1);
  expect(alone.stdout).toMatch(/\ninvalid: DATABASE_URL \(default\): a gateway alone needs the fleet's\n/);
  expect(alone.stdout).toMatch(/\ninvalid: REMOTEGPU_GATEWAY_LISTEN \(environment\): a gateway alone needs /);
});

test("a shell that sources the file reads the same values", { timeout: WITHIN_MS }, async () => {
  const text = [
    "A=plain",
    'B="a b"',
    "C='a \"b\" $c'",
    'D="x\\"y\\\\z\\n"',
    "E=",
    "F=u:p#w@h",
    "G=a'b c'd",
    "H=a\\ b",
    "A=again",
  ].join("\n");
  const file = fileOf("shell.env", `${text}\n`);
  const names = "ABCDEFGH".split("");

  const print = `set -a; . ${file}; for n in ${names.join(" ")}; do eval "printf '%s\\n' \\"\\$$n\\""; done`;
  const { stdout } = await execa("sh", ["-c", print], { extendEnv: false });

  const { settings } = parseSettingsFile(text);
  const values = Object.fromEntries(settings.map(({ name, value }) => [name, value]));
  expect(stdout.split("\n")).toEqual(names.map((name) => values[name]));
});
