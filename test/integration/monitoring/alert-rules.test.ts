/** The alert rules in Prometheus' own hands: promtool reads them, and plays their tests to the minute. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { describe, expect, onTestFinished, test } from "vitest";
import { ownedName } from "../../support/containers/owned-name.ts";
import { MONITORING, RULE_TEST_FILES } from "../../support/monitoring/alert-rules.ts";
import { hasPromtool } from "../../support/monitoring/installed.ts";

const promtool = (args: string[], cwd = MONITORING.pathname) =>
  execa("promtool", args, { cwd, reject: false, all: true });

describe.skipIf(!hasPromtool)("promtool (left out where it is not installed)", () => {
  test("finds nothing wrong with the alert rules", async () => {
    const { exitCode, all } = await promtool(["check", "rules", "--lint=all", "--lint-fatal", "alerts.yml"]);

    expect({ exitCode, all }).toEqual({
      exitCode: 0,
      all: expect.stringMatching(/SUCCESS: \d+ rules found/),
    });
  });

  test.each(RULE_TEST_FILES)("sees each alert of %s fire at its minute, and not before", async (file) => {
    const { exitCode, all } = await promtool(["test", "rules", file]);

    expect({ exitCode, all }).toEqual({ exitCode: 0, all: expect.not.stringContaining("FAILED") });
  });

  test("sees a rule that fires one evaluation late fail its test", async () => {
    const folder = mkdtempSync(join(tmpdir(), `${ownedName("run")}rules-`));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    cpSync(MONITORING, folder, { recursive: true });
    const late = readFileSync(join(folder, "alerts.yml"), "utf8").replaceAll("for: 1m\n", "for: 75s\n");
    writeFileSync(join(folder, "alerts.yml"), late);

    const { exitCode, all } = await promtool(["test", "rules", "rule-tests/fleet.yml"], folder);

    expect({ exitCode, all }).toEqual({
      exitCode: 1,
      all: expect.stringMatching(
        /alertname: FleetBlind, time: 2m45s[^]*alertname: HostUnreachable, time: 2m45s/,
      ),
    });
  });
});
