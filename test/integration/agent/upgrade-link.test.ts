/** The agent's link to upgrades, on the files of an installation and with a systemctl that only writes down its words. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { HostCommand } from "@remotegpu/agent/host/host-command";
import { UpgradeFolder } from "@remotegpu/agent/host/upgrades/upgrade-folder";
import { UpgradeLink } from "@remotegpu/agent/loop/upgrade-link";
import { memoryLog } from "../../support/memory-log.ts";

const OLD = "0.1.0-0f1e2d3c4b5a";
const NEW = "0.2.0-1a2b3c4d5e6f";
const RELEASE = { version: NEW, manifestSha256: "c".repeat(64) };
const RESULT = {
  attempt: 3,
  from: OLD,
  to: NEW,
  result: "reverted",
  reason: { code: "upgrade-of-tomorrow", params: {} },
  at: "2026-01-01T00:00:00.000Z",
};
const REFUSED = { ...RELEASE, reason: null, at: RESULT.at };

let folder: string;
let nowMs: number;
const file = (name: string) => join(folder, "opt", name);
const write = (name: string, content: unknown) => writeFileSync(file(name), JSON.stringify(content));
const requested = () =>
  existsSync(file("upgrade-request.json"))
    ? JSON.parse(readFileSync(file("upgrade-request.json"), "utf8"))
    : null;
const calls = () => (existsSync(join(folder, "calls")) ? readFileSync(join(folder, "calls"), "utf8") : "");

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "remotegpu-upgrade-"));
  nowMs = 1_000_000;
  for (const version of [OLD, NEW]) mkdirSync(file(version), { recursive: true });
  symlinkSync(OLD, file("current"));
  symlinkSync(OLD, file("committed"));
  writeFileSync(join(folder, "systemctl"), `#!/bin/sh\necho "$@" >> ${join(folder, "calls")}\n`);
  chmodSync(join(folder, "systemctl"), 0o755);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function linkOf(
  version: string,
  change: { source?: string | null; systemdFolder?: string; isDrilled?: () => boolean } = {},
): UpgradeLink {
  return new UpgradeLink({
    folder: new UpgradeFolder(join(folder, "opt")),
    version,
    source: "https://control.example",
    systemctl: new HostCommand({ path: join(folder, "systemctl"), maxOutputBytes: 1_024 }),
    systemdFolder: folder,
    isDrilled: () => false,
    monotonicMs: () => nowMs,
    log: memoryLog(),
    ...change,
  });
}

test("reports the release that runs, what is under way, what came of the last and what is refused", () => {
  write("upgrade.json", { attempt: 4, from: OLD, to: NEW, phase: "probation", switchedAt: null });
  write("upgrade-results.json", [{ ...RESULT, attempt: 2 }, RESULT]);
  write("refused-releases.json", [REFUSED]);

  expect(linkOf(OLD).report()).toEqual({
    version: OLD,
    committed: OLD,
    phase: "probation",
    to: NEW,
    last: RESULT,
    refused: [NEW],
  });
});

test("reports what a later version has written, too", () => {
  write("upgrade.json", { phase: "of-tomorrow", to: NEW });
  write("upgrade-results.json", [{ attempt: "of tomorrow" }, { ...RESULT, of: "tomorrow" }]);

  expect(linkOf(OLD).report()).toMatchObject({ phase: "probation", to: NEW, last: RESULT });
});

test("reports what it can where files are missing or no JSON", () => {
  writeFileSync(file("upgrade-results.json"), "\0\0\0");
  rmSync(file("committed"));

  expect(linkOf(OLD).report()).toEqual({
    version: OLD,
    committed: null,
    phase: null,
    to: null,
    last: null,
    refused: [],
  });
});

test("asks for nothing while a drill runs, and for what is named then once it is over", async () => {
  let isDrilled = true;
  const link = linkOf(OLD, { isDrilled: () => isDrilled });
  await link.named(RELEASE);
  expect([requested(), calls()]).toEqual([null, ""]);

  isDrilled = false;
  await link.named(RELEASE);

  expect(requested()).toMatchObject({ version: NEW });
});

test("reports nothing and asks for nothing while a file cannot be read", async () => {
  mkdirSync(file("refused-releases.json"));
  const link = linkOf(OLD);
  await link.named(RELEASE);

  expect(link.report()).toBeNull();
  expect(requested()).toBeNull();
});

test("hands the named release to the upgrade unit", async () => {
  await linkOf(OLD).named(RELEASE);

  expect(requested()).toEqual({ ...RELEASE, requestedBy: "fleet", source: "https://control.example" });
  expect(calls()).toBe("start --no-block remotegpu-upgrade.service\n");
});

test("asks the unit again only after a minute", async () => {
  const link = linkOf(OLD);
  await link.named(RELEASE);
  nowMs += 59_999;
  await link.named(RELEASE);
  expect(calls().split("\n")).toHaveLength(2);

  nowMs += 1;
  await link.named(RELEASE);
  expect(calls().split("\n")).toHaveLength(3);
});

test.each<[string, () => void]>([
  ["it runs already", () => rmSync(file("current"))],
  ["an upgrade is under way", () => write("upgrade.json", { phase: "checking", to: NEW })],
  ["it was refused", () => write("refused-releases.json", [REFUSED])],
  [
    "its files were refused under another name",
    () => write("refused-releases.json", [{ ...REFUSED, version: "0.2.0-ffffffffffff" }]),
  ],
])("leaves a release alone where %s", async (what, change) => {
  change();
  if (what === "it runs already") symlinkSync(NEW, file("current"));
  await linkOf(what === "it runs already" ? NEW : OLD).named(RELEASE);

  expect(requested()).toBeNull();
  expect(calls()).toBe("");
});

test.each<[string, () => UpgradeLink]>([
  ["runs from a folder that is not current", () => linkOf(NEW)],
  ["was never told its control plane", () => linkOf(OLD, { source: null })],
  ["has no systemd", () => linkOf(OLD, { systemdFolder: join(folder, "nowhere") })],
])("reports nothing and does nothing where the agent %s", async (_what, made) => {
  const link = made();
  await link.named(RELEASE);

  expect(link.isAble).toBe(false);
  expect(link.report()).toBeNull();
  expect(requested()).toBeNull();
});
