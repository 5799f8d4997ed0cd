/** Settings that are read again: what changes at once, what waits, and what changes nothing. */
import { expect, test } from "vitest";
import { readConfig } from "@remotegpu/control-plane/server/config";
import { CONTROL_PLANE_SETTINGS } from "@remotegpu/control-plane/server/config-defaults";
import type { LogSettings } from "@remotegpu/shared/logging/log-settings";
import { type Disk, readSources } from "@remotegpu/shared/settings/setting-sources";
import { reloadSettings } from "@remotegpu/shared/settings/settings-reload";
import { memoryLog } from "../../../support/memory-log.ts";

const FILE = "/etc/remotegpu/some.env";

/** A process that started with a file; `reload` is what it does with the text that the file has then. */
function started(text: string, environment: Record<string, string> = {}, mode = 0o100600) {
  const log = memoryLog();
  const configured: LogSettings[] = [];
  const diskOf = (content: string | null): Disk => ({
    read() {
      if (content === null) throw new Error(`EACCES: permission denied, open '${FILE}'`);
      return content;
    },
    mode: () => mode,
    names: () => [],
  });
  const names = CONTROL_PLANE_SETTINGS.names;
  const given = { environment: { ...environment, REMOTEGPU_CONFIG_FILE: FILE } };
  const sources = readSources(given, names, diskOf(text));
  return {
    configured,
    reload(content: string | null) {
      log.lines.length = 0;
      reloadSettings({
        sources,
        definition: CONTROL_PLANE_SETTINGS,
        disk: diskOf(content),
        logOf: (values) => readConfig(values).log,
        log: { ...log, configure: (settings) => configured.push(settings) },
      });
      return log.lines.map(({ level, message, fields }) => ({ level, message, fields }));
    },
  };
}

test("the log's level and form are taken at once", () => {
  const server = started("REMOTEGPU_LOG_LEVEL=info\n");

  const lines = server.reload("REMOTEGPU_LOG_LEVEL=debug\nREMOTEGPU_LOG_FORMAT=text\n");

  expect(server.configured).toEqual([{ level: "debug", format: "text" }]);
  expect(lines).toEqual([
    {
      level: "info",
      message: "the settings were read again",
      fields: { file: FILE, logLevel: "debug", logFormat: "text" },
    },
  ]);
});

test("what the environment sets stays", () => {
  const server = started("", { REMOTEGPU_LOG_LEVEL: "warn" });

  server.reload("REMOTEGPU_LOG_LEVEL=debug\n");

  expect(server.configured).toEqual([{ level: "warn", format: "json" }]);
});

test("all other changed settings are named in one line, without their values, until they are as they were", () => {
  const server = started("REMOTEGPU_LISTEN=127.0.0.1:1\nREMOTEGPU_LOG_LEVEL=info\n");
  const changed = "REMOTEGPU_LISTEN=127.0.0.1:2\nDATABASE_URL=postgres://u:hunter2@db/fleet\n";

  for (const _again of [1, 2])
    expect(server.reload(changed).slice(1)).toEqual([
      {
        level: "warn",
        message: "changed settings take effect at the next restart",
        fields: { settings: ["REMOTEGPU_LISTEN", "DATABASE_URL"] },
      },
    ]);
  expect(server.reload("REMOTEGPU_LISTEN=127.0.0.1:1\nDATABASE_URL=\n")).toHaveLength(1);
});

test.each([
  ["cannot be read", null, "the settings cannot be read again; those from before stay"],
  ["has a broken line", "hunter2\n", "the settings cannot be read again; those from before stay"],
  ["has an invalid value", "REMOTEGPU_LISTEN=hunter2\n", "the settings are invalid; those from before stay"],
])("a file that %s changes nothing and is one error line", (_what, content, message) => {
  const server = started("REMOTEGPU_LOG_LEVEL=info\n");

  const lines = server.reload(content);

  expect(lines.map((line) => [line.level, line.message])).toEqual([["error", message]]);
  expect(JSON.stringify(lines)).not.toContain("hunter2");
  expect(server.configured).toEqual([]);
});

test("a file with a secret that all can read is warned of again, and so is a mistyped setting", () => {
  const server = started("DATABASE_URL=postgres://db\n", {}, 0o100644);

  const lines = server.reload("DATABASE_URL=postgres://db\nREMOTEGPU_LSITEN=127.0.0.1:1\n");

  expect(lines.map(({ level }) => level)).toEqual(["info", "warn", "warn"]);
  expect(lines.at(-1)?.message).toBe(
    `unknown: REMOTEGPU_LSITEN (${FILE}:2); the nearest is REMOTEGPU_LISTEN`,
  );
});
