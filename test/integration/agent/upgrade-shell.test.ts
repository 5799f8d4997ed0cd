/**
 * The shell of the upgrade unit, agent/systemd/upgrade.sh, on a folder of versions and with a systemctl that is played: what it
 * does where the new version's own program cannot run, and that it may be killed before each of its commands.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { AGENT_UNITS } from "../../../agent/src/core/upgrade/unit-text.ts";
import type { Upgrade, UpgradeRequest } from "../../../agent/src/core/upgrade/upgrade-files.ts";
import { UpgradeHost } from "../../support/agent/upgrade-host.ts";

const root = new URL("../../../", import.meta.url).pathname;
const [OLD, NEW] = ["1.0.0-111111111111", "2.0.0-222222222222"];
const UNITS = "remotegpu-agent.service remotegpu-files.service";
/** More than the shell has commands. */
const MOST_COMMANDS = 60;
const COMMANDS = ["cp", "ln", "mv", "rm", "sed", "sleep", "sync", "systemctl", "timeout"];

/**
 * Counts the commands of the shell, but not those of the programs that it starts, and looks at each whether `current` names a
 * whole version. The shell, all of it, is killed before the command whose number is in the file kill-at.
 */
const COUNTED = `#!/bin/sh
host=\${0%/*/*}
name=\${0##*/}
PATH=$host/bin:\${PATH#*:}
if [ -z "\${OF_PROGRAM:-}" ]; then
  [ -e "$host/opt/current/MANIFEST" ] || echo "$name $*" >>"$host/without-version"
  read -r count <"$host/count"
  count=$((count + 1))
  echo "$count" >"$host/count"
  read -r at <"$host/kill-at"
  [ "$count" != "$at" ] || kill -KILL 0
fi
case $name in
  sleep) exit 0 ;;
  timeout) export OF_PROGRAM=yes ;;
esac
exec "$name" "$@"
`;
/** Of a version whose program is that of this checkout. */
const REAL_PROGRAM = `shift; exec ${process.execPath} ${join(root, "agent/src/upgrade/main.ts")} "$@"`;

let host: UpgradeHost;
let request: UpgradeRequest;
beforeEach(() => prepareHost());
afterEach(() => host.close());

function prepareHost({ old = "exit 0", agent = "exit 127" }: { old?: string; agent?: string } = {}): void {
  host = new UpgradeHost();
  host.release(OLD, { agent: old });
  host.installed(OLD);
  request = host.release(NEW, { agent });
  mkdirSync(join(host.path, "counted"));
  for (const name of COMMANDS) writeFileSync(join(host.path, "counted", name), COUNTED, { mode: 0o755 });
}

function again(options: Parameters<typeof prepareHost>[0]): void {
  host.close();
  prepareHost(options);
}

/** As the unit's program leaves the host in that phase. */
function underWay(phase: Upgrade["phase"] = "probation"): void {
  const isSwitched = phase !== "checking";
  host.folder.writeUpgrade({
    ...request,
    attempt: 1,
    from: OLD,
    to: NEW,
    phase,
    switchedAt: isSwitched ? "2030-01-01T00:00:00.000Z" : null,
    baseline: null,
    probation: null,
    reason: null,
  });
  if (!isSwitched) return;
  host.folder.setLink("previous", OLD);
  host.unitFiles.keepForShell(OLD, AGENT_UNITS);
  host.unitFiles.place(NEW, AGENT_UNITS);
  host.reload();
  host.folder.setLink("current", NEW);
  rmSync(join(host.path, "running/remotegpu-agent.service"));
}

/** @returns the exit code; null: it was killed */
async function shell({ killAt = 0 }: { killAt?: number } = {}): Promise<number | null> {
  writeFileSync(join(host.path, "count"), "0\n");
  writeFileSync(join(host.path, "kill-at"), `${killAt}\n`);
  const options = [`--etc=${join(host.path, "etc")}`, `--units=${join(host.path, "units")}`];
  const script = spawn("sh", [join(root, "agent/systemd/upgrade.sh"), `${host.opt}/`, ...options], {
    // Of a group of its own, which is killed as a whole.
    detached: true,
    stdio: "ignore",
    env: {
      PATH: `${join(host.path, "counted")}:/usr/bin:/bin`,
      REMOTEGPU_STATE_DIR: join(host.path, "state"),
      REMOTEGPU_CONFIG_FILE: join(host.path, "etc/agent.yaml"),
    },
  });
  const [code] = (await once(script, "exit")) as [number | null];
  return code;
}

const left = () =>
  readdirSync(host.opt).filter((name) => /^(\.|upgrade(-request|-failed)?\.json)/.test(name));
/** Of unit files, which were not put in their place. */
const drafts = () => readdirSync(join(host.path, "units")).filter((name) => name.startsWith("."));
const orders = () => host.calls().filter((call) => !call.startsWith("show"));
const wasWithoutVersion = () => existsSync(join(host.path, "without-version"));

test.each<[string, () => void]>([
  ["is no program", () => chmodSync(join(host.opt, NEW, "node"), 0o644)],
  ["is missing", () => rmSync(join(host.opt, NEW, "node"))],
  ["ends by a signal", () => writeFileSync(join(host.opt, NEW, "node"), "#!/bin/sh\nkill -SEGV $$\n")],
])("where the new Node %s, the version before is put back and started", async (_what, spoil) => {
  // As of a release from before there were upgrades.
  rmSync(join(host.opt, OLD, "upgrade.mjs"));
  underWay();
  spoil();

  expect(await shell()).toBe(1);

  expect(host.folder.linked("current")).toBe(OLD);
  expect([host.running(), host.running("files")]).toEqual([OLD, OLD]);
  expect(host.under()).toBe(`# agent of ${OLD} in ${host.opt}/`);
  expect(orders()).toEqual([
    `stop ${UNITS}`,
    "daemon-reload",
    `reset-failed ${UNITS}`,
    `start --no-block ${UNITS}`,
  ]);
  expect(left()).toEqual([".units-before", "upgrade-failed.json"]);

  await host.unit().prepare();
  expect(host.folder.results()).toMatchObject([
    { attempt: 1, from: OLD, to: NEW, result: "reverted", reason: { code: "upgrade-not-judged" } },
  ]);
  expect(host.folder.isRefused(request)).toBe(true);
  expect(left()).toEqual([]);
});

test("the version before records it by its own program, and does not take that release again", async () => {
  again({ old: REAL_PROGRAM });
  underWay();

  expect(await shell()).toBe(1);
  host.folder.writeRequest(request);
  expect(await shell()).toBe(0);

  expect(host.folder.linked("current")).toBe(OLD);
  expect(host.folder.results()).toMatchObject([{ attempt: 1, to: NEW, result: "reverted" }]);
  expect(host.folder.isRefused(request)).toBe(true);
  expect(left()).toEqual([]);
});

test("a program that fails twice and runs then is left to it, for as many turns as it wants", async () => {
  again({
    agent: `echo >>"\${0%/*}/turns"; case $(wc -l <"\${0%/*}/turns") in 1 | 3) exit 1 ;; 2 | 4) exit 75 ;; esac`,
  });
  underWay();

  expect(await shell()).toBe(0);

  expect(readFileSync(join(host.opt, NEW, "turns"), "utf8")).toHaveLength(5);
  expect([orders(), host.folder.linked("current"), left()]).toEqual([
    [],
    NEW,
    [".units-before", "upgrade.json"],
  ]);
});

test("before the switch nothing is started anew, and the release is refused", async () => {
  underWay("checking");

  expect(await shell()).toBe(1);

  expect([orders(), host.folder.linked("current"), host.running()]).toEqual([[], OLD, OLD]);
  await host.unit().prepare();
  expect(host.folder.results()).toMatchObject([{ to: NEW, result: "refused" }]);
});

test("one that is being committed is not put back", async () => {
  underWay("committing");

  expect(await shell()).toBe(1);

  expect([orders(), host.folder.linked("current"), left()]).toEqual([
    [],
    NEW,
    [".units-before", "upgrade.json"],
  ]);
});

test("killed before each of its commands and run again, it comes to the same end", async () => {
  let killAt = 1;
  for (; killAt < MOST_COMMANDS; killAt += 1) {
    again({});
    underWay();
    const wasKilled = (await shell({ killAt })) === null;
    expect(existsSync(join(host.opt, "current/MANIFEST"))).toBe(true);
    if (wasKilled) await shell();
    await host.unit().prepare();

    expect(wasWithoutVersion()).toBe(false);
    expect([host.folder.linked("current"), host.running(), host.running("files")]).toEqual([OLD, OLD, OLD]);
    expect(host.folder.results()).toMatchObject([{ attempt: 1, to: NEW, result: "reverted" }]);
    expect([host.under(), drafts()]).toEqual([`# agent of ${OLD} in ${host.opt}/`, []]);
    expect(host.folder.isRefused(request)).toBe(true);
    expect(left()).toEqual([]);
    if (!wasKilled) break;
  }
  // So many commands does it have; the run after them was not killed.
  expect(killAt).toBeGreaterThan(18);
  expect(killAt).toBeLessThan(MOST_COMMANDS);
});
