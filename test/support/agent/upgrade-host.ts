/**
 * A host for the upgrade unit, in a folder: versions with real lists of hashes, links, unit files, and on PATH a systemctl that
 * plays two units by files. Programs of versions are shell scripts.
 */
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ReportedHealth } from "../../../agent/src/core/upgrade/probation.ts";
import type { UpgradeRequest } from "../../../agent/src/core/upgrade/upgrade-files.ts";
import { DurableDisk } from "../../../agent/src/host/upgrades/durable-disk.ts";
import { UpgradeFolder } from "../../../agent/src/host/upgrades/upgrade-folder.ts";
import { ReleaseSource } from "../../../agent/src/upgrade/release-source.ts";
import { Systemctl } from "../../../agent/src/upgrade/systemctl.ts";
import { Trials } from "../../../agent/src/upgrade/trials.ts";
import { UnitFiles } from "../../../agent/src/upgrade/unit-files.ts";
import { UpgradeRun, type UpgradeRunOptions } from "../../../agent/src/upgrade/upgrade-run.ts";
import { quietLog } from "../quiet-log.ts";

const BOOT = "boot";
/** Between two looks at the clock. */
const LOOK_MS = 8_000;

/**
 * Notes each call; a unit that runs has a file with the version that it was started from, and `under` has the unit file that
 * systemd knew then: that of its last reload.
 */
const SYSTEMCTL = `#!/bin/sh
host=$(dirname "$(dirname "$0")")
echo "$*" >>"$host/systemctl"
verb=$1
for last in "$@"; do :; done
case $verb in
  start)
    for unit in "$@"; do
      case $unit in *.service)
        [ -e "$host/running/$unit" ] || {
          readlink "$host/opt/current" >"$host/running/$unit"
          cp "$host/now" "$host/started"
          [ ! -e "$host/loaded/$unit" ] || cp "$host/loaded/$unit" "$host/under/$unit"
        } ;;
      esac
    done ;;
  stop) shift; for unit in "$@"; do rm -f "$host/running/$unit"; done ;;
  show)
    case $* in
      *NeedDaemonReload*) if diff -rq "$host/units" "$host/loaded" >/dev/null; then echo no; else echo yes; fi ;;
      *)
        if [ -e "$host/running/$last" ]; then echo MainPID=100; echo ActiveState=active
        else echo MainPID=0; echo ActiveState=inactive; fi
        echo Result=success; echo "ExecMainStartTimestampMonotonic=$(cat "$host/started")000" ;;
    esac ;;
  daemon-reload) rm -rf "$host/loaded" && cp -r "$host/units" "$host/loaded" ;;
  is-enabled) exit 1 ;;
esac
exit 0
`;

export class UpgradeHost {
  readonly path = mkdtempSync(join(tmpdir(), "rg-upgrade-"));
  readonly opt = join(this.path, "opt");
  /** Of CLOCK_MONOTONIC, as this host's unit sees it: it goes on with each look at it. */
  nowMs = 1_000_000;
  /** What the new agent writes about itself; null: nothing. */
  health: ((nowMs: number) => Partial<ReportedHealth>) | null = () => ({});

  constructor() {
    for (const folder of ["opt", "etc", "units", "loaded", "under", "state", "bin", "running"])
      mkdirSync(join(this.path, folder));
    writeFileSync(join(this.path, "bin/systemctl"), SYSTEMCTL, { mode: 0o755 });
    for (const name of ["now", "started"]) writeFileSync(join(this.path, name), "1");
  }

  /** A version with its list. @param agent shell; its self-test and its look at the host are ended by what it exits with */
  release(version: string, { agent = "exit 0" }: { agent?: string } = {}): UpgradeRequest {
    const folder = join(this.opt, version);
    mkdirSync(folder);
    const files: [string, string, number][] = [
      ["access.mjs", "", 0o644],
      ["agent.mjs", version, 0o644],
      ["files.mjs", "", 0o644],
      ["node", `#!/bin/sh\n${agent}\n`, 0o755],
      ["remotegpu-agent.service", `# agent of ${version} in /opt/remotegpu/\n`, 0o644],
      ["remotegpu-access.service", `# access of ${version}\n`, 0o644],
      ["upgrade.mjs", "", 0o644],
      ["upgrade.sh", `# shell of ${version}\n`, 0o644],
    ];
    for (const [name, content, mode] of files) writeFileSync(join(folder, name), content, { mode });
    const lines = files.map(
      ([name, content, mode]) => `${sha256(content)} ${mode === 0o755 ? 755 : 644} ${name}`,
    );
    const list = [`remotegpu-agent ${version}`, ...lines, ""].join("\n");
    writeFileSync(join(folder, "MANIFEST"), list);
    return { version, manifestSha256: sha256(list), requestedBy: "install", source: null };
  }

  /** As install.sh leaves a host whose first version runs. */
  installed(version: string): void {
    const folder = new UpgradeFolder(this.opt);
    folder.setLink("current", version);
    folder.setLink("committed", version);
    for (const unit of ["agent", "files"])
      writeFileSync(join(this.path, `running/remotegpu-${unit}.service`), `${version}\n`);
  }

  /** The unit's program, as it is started anew. @param onStep after each thing that is on the disk */
  unit({
    onStep = () => undefined,
    ...options
  }: { onStep?: (step: string) => void } & Partial<UpgradeRunOptions> = {}): UpgradeRun {
    const disk = new DurableDisk(onStep);
    const folder = new UpgradeFolder(this.opt, disk);
    const publicKeyFile = join(this.path, "etc/release.pub");
    return new UpgradeRun({
      folder,
      units: this.#unitFiles(disk),
      systemctl: new Systemctl({ path: join(this.path, "bin/systemctl") }),
      source: new ReleaseSource({ folder, disk, ca: null, publicKeyFile }),
      trials: new Trials({ pauseMs: 0 }),
      publicKeyFile,
      readHealth: () => this.#healthNow(),
      living: async () => [],
      clock: { bootId: BOOT, monotonicMs: () => this.#tick(), wallMs: () => Date.parse("2030-01-01") },
      probationMs: 60_000,
      turnMs: 10_000_000,
      pollMs: 0,
      log: quietLog,
      ...options,
    });
  }

  get unitFiles(): UnitFiles {
    return this.#unitFiles(new DurableDisk());
  }

  #unitFiles(disk: DurableDisk): UnitFiles {
    const [etc, units] = [join(this.path, "etc"), join(this.path, "units")];
    const [state, pool] = [join(this.path, "state"), join(this.path, "pool")];
    return new UnitFiles({ opt: this.opt, etc, units, state, pool }, disk);
  }

  /** systemd reads the unit files as they lie there now. */
  reload(): void {
    rmSync(join(this.path, "loaded"), { recursive: true });
    cpSync(join(this.path, "units"), join(this.path, "loaded"), { recursive: true });
  }

  get folder(): UpgradeFolder {
    return new UpgradeFolder(this.opt);
  }

  running(unit = "agent"): string | null {
    const path = join(this.path, `running/remotegpu-${unit}.service`);
    return existsSync(path) ? readFileSync(path, "utf8").trim() : null;
  }

  /** Under which unit file, as systemd knew it, the agent was started last. */
  under(): string {
    return this.read("under/remotegpu-agent.service").trim();
  }

  calls(): string[] {
    const path = join(this.path, "systemctl");
    return existsSync(path) ? readFileSync(path, "utf8").trim().split("\n") : [];
  }

  read(path: string): string {
    return readFileSync(join(this.path, path), "utf8");
  }

  #tick(): number {
    this.nowMs += LOOK_MS;
    writeFileSync(join(this.path, "now"), String(this.nowMs));
    return this.nowMs;
  }

  /** As systemctl noted it. */
  #startedMs(): number {
    return Number(this.read("started"));
  }

  #healthNow(): ReportedHealth | null {
    if (this.health === null) return null;
    const startedMs = this.#startedMs();
    const ticks = Math.floor((this.nowMs - startedMs) / 10_000);
    return {
      pid: 100,
      bootId: BOOT,
      startedMs,
      writtenMs: this.nowMs,
      heartbeats: ticks,
      controlPlane: "connected",
      ticks,
      lastTickMs: ticks === 0 ? null : startedMs + ticks * 10_000,
      instances: [],
      unorderedEnds: 0,
      ...this.health(this.nowMs),
    };
  }

  close(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

function sha256(content: string): string {
  return createHash("sha256").update(content).digest("hex");
}
