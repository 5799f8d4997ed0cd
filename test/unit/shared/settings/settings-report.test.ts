/** What `config check` answers for both programs, and that no secret is in it. */
import { describe, expect, test } from "vitest";
import { AGENT_SETTINGS } from "@remotegpu/agent/config/config-defaults";
import { CONTROL_PLANE_SETTINGS } from "@remotegpu/control-plane/server/config-defaults";
import type { FoundSetting, SettingSources } from "@remotegpu/shared/settings/setting-sources";
import {
  isSound,
  type SettingsDefinition,
  settingsReport,
  settingsReportJson,
  settingsReportText,
} from "@remotegpu/shared/settings/settings-report";

const FILE = "/etc/remotegpu/some.env";
const SECRET = "hunter2-Hunter3";
const PROGRAMS: [string, SettingsDefinition][] = [
  ["the control plane", CONTROL_PLANE_SETTINGS],
  ["the agent", AGENT_SETTINGS],
];

function sourcesOf(
  environment: Record<string, string>,
  inFile: Record<string, string> = {},
  credentials: Record<string, string> = {},
): SettingSources {
  const settings = Object.entries(inFile).map(([name, value], index) => ({ name, value, line: index + 1 }));
  const read = Object.entries(credentials).map(([name, value]): [string, FoundSetting] => [
    name,
    { value, origin: { from: "credential", file: `/run/credentials/${name}` } },
  ]);
  const file = { path: FILE, settings, faults: [], isReadableByAll: false };
  return { options: {}, environment, credentials: new Map(read), file };
}

describe.each(PROGRAMS)("of %s", (_program, definition) => {
  test("every setting has its effective value and the default as its origin, where nothing is set", () => {
    const report = settingsReport(sourcesOf({}), definition);

    expect(report.settings.map(({ name }) => name)).toEqual(definition.names);
    expect(report.settings.every(({ value, origin }) => value !== "" && origin.from === "default")).toBe(
      true,
    );
    expect({ ...report, settings: [] }).toEqual({
      file: FILE,
      settings: [],
      unknown: [],
      lines: [],
      warnings: [],
    });
    expect(isSound(report)).toBe(true);
    expect(settingsReportText(report)).toMatch(/\nAll settings are valid\.$/);
  });

  test("every setting whose name sounds like a secret is treated as one", () => {
    const secret = definition.names.filter((name) => /PASS|SECRET|TOKEN|KEY|DATABASE|NATS_URL/.test(name));
    // Paths of files, which only their owners can read.
    const known = new Set(["WEB_KEY", "REMOTEGPU_OIDC_CLIENT_SECRET_FILE"]);

    expect(secret.length).toBeGreaterThan(0);
    expect(secret.filter((name) => !(name in definition.kinds) && !known.has(name))).toEqual([]);
  });

  test.each([
    SECRET,
    `postgres://user:${SECRET}@db.example.com/fleet`,
    `nats://${SECRET}@nats.example.com:4222`,
    `mysql://user:${SECRET}@db.example.com`,
    `postgres://user:1/${SECRET}@db/fleet`,
    `postgres://db/fleet?password=${SECRET}`,
  ])("a secret like %s is never printed, wherever it stands", (planted) => {
    const secrets = Object.fromEntries(Object.keys(definition.kinds).map((name) => [name, planted]));
    const mistyped = Object.fromEntries(definition.names.map((name) => [`REMOTEGPU_X_${name}`, planted]));
    const places = [
      sourcesOf({ ...secrets, ...mistyped }),
      sourcesOf({}, { ...secrets, ...mistyped }),
      sourcesOf({}, {}, secrets),
    ];

    for (const sources of places) {
      const report = settingsReport(sources, definition);
      const printed = settingsReportText(report) + settingsReportJson(report);
      expect(printed).not.toContain(SECRET);
      expect(printed).toContain(`${Object.keys(definition.kinds)[0]}`);
      expect(printed).toContain("characters]");
    }
  });
});

test("an invalid value is named with its origin and reason, all of them at once", () => {
  const report = settingsReport(
    sourcesOf({ WEB_CERT: "/web.pem" }, { REMOTEGPU_LOG_LEVEL: "loud", REMOTEGPU_LISTEN: "8080" }),
    CONTROL_PLANE_SETTINGS,
  );
  const lone = settingsReport(sourcesOf({ WEB_CERT: "/web.pem" }), CONTROL_PLANE_SETTINGS);

  expect(settingsReportText(report).split("\n").slice(-3)).toEqual([
    expect.stringContaining(`invalid: REMOTEGPU_LOG_LEVEL (${FILE}:1): Invalid option`),
    `invalid: REMOTEGPU_LISTEN (${FILE}:2): must be ADDRESS:PORT`,
    "2 to correct.",
  ]);
  expect(settingsReportText(lone)).toContain(
    "invalid: WEB_KEY (default): WEB_CERT and WEB_KEY belong together",
  );
  expect([isSound(report), isSound(lone)]).toEqual([false, false]);
});

test("an unknown setting is named with the nearest one; what only another program reads is none", () => {
  const report = settingsReport(
    sourcesOf(
      {
        REMOTEGPU_KEY: "of the command",
        REMOTEGPU_LOGLEVEL: "debug",
        HOME: "/root",
        DATABSE_URL: "elsewhere",
      },
      { DATABSE_URL: "postgres://db", REMOTEGPU_PROFILE: "mine", HTTPS_PROXY: "http://proxy" },
    ),
    CONTROL_PLANE_SETTINGS,
  );
  const inFile = settingsReport(
    sourcesOf({}, { DATABSE_URL: "postgres://db", REMOTEGPU_KEY: "mine", HTTPS_PROXY: "http://proxy" }),
    CONTROL_PLANE_SETTINGS,
  );

  expect(report.unknown.map(({ name, nearest }) => [name, nearest])).toEqual([
    ["REMOTEGPU_PROFILE", null],
    ["REMOTEGPU_LOGLEVEL", "REMOTEGPU_LOG_LEVEL"],
  ]);
  expect(inFile.unknown.map(({ name }) => name)).toEqual(["DATABSE_URL", "REMOTEGPU_KEY"]);
  expect(inFile.warnings).toEqual([`${FILE}:3: HTTPS_PROXY is no setting of this program`]);
  expect(isSound(inFile)).toBe(false);
  expect(settingsReportText(inFile)).toContain(
    `unknown: DATABSE_URL (${FILE}:1); the nearest is DATABASE_URL\n`,
  );
});

test("a line that cannot be read is named, and scripts read the same", () => {
  const sources = sourcesOf({ REMOTEGPU_LISTEN: "127.0.0.1:1" });
  const broken: SettingSources = {
    ...sources,
    file: {
      path: FILE,
      settings: [],
      faults: [{ line: 3, fault: "is not NAME=value" }],
      isReadableByAll: true,
    },
  };

  const report = settingsReport(broken, CONTROL_PLANE_SETTINGS);

  expect(settingsReportText(report)).toContain(`invalid: ${FILE}:3: is not NAME=value\n`);
  const document = JSON.parse(settingsReportJson(report)) as { settings: object[] };
  expect(document).toMatchObject({ sound: false, file: FILE, lines: [{ line: 3 }], unknown: [] });
  expect(document.settings).toContainEqual({
    name: "REMOTEGPU_LISTEN",
    value: "127.0.0.1:1",
    origin: "environment",
    faults: [],
  });
});

test("a file with a secret that every user can read is warned of, and is no error", () => {
  const sources = sourcesOf({}, { DATABASE_URL: "postgres://db", REMOTEGPU_LOG_LEVEL: "info" });
  const open = (settings: SettingSources) => ({
    ...settings,
    file: settings.file && { ...settings.file, isReadableByAll: true },
  });

  const report = settingsReport(open(sources), CONTROL_PLANE_SETTINGS);

  expect(report.warnings).toEqual([
    `${FILE} holds DATABASE_URL and every user of this machine can read it: chmod 600 ${FILE}`,
  ]);
  expect(isSound(report)).toBe(true);
  expect(
    settingsReport(open(sourcesOf({}, { REMOTEGPU_LOG_LEVEL: "info" })), CONTROL_PLANE_SETTINGS).warnings,
  ).toEqual([]);
});
