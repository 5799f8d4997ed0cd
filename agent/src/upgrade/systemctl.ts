/** The host's units, by systemctl: started, stopped, and looked at. */
import { execa } from "execa";
import type { UnitState } from "../core/upgrade/probation.ts";

const COMMAND_MS = 150_000;
const MICROSECONDS_PER_MS = 1_000;
const SHOWN = ["MainPID", "ExecMainStartTimestampMonotonic", "Result", "ActiveState"] as const;

/** systemctl failed, or there is none. */
export class SystemctlError extends Error {
  override readonly name = "SystemctlError";
}

export class Systemctl {
  readonly #path: string;

  constructor({ path = "systemctl" }: { path?: string } = {}) {
    this.#path = path;
  }

  /** @throws SystemctlError */
  async state(unit: string): Promise<UnitState & { isActive: boolean }> {
    const text = await this.#run("show", ...SHOWN.map((name) => `--property=${name}`), unit);
    const shown = new Map(text.split("\n").map((line) => line.split("=") as [string, string | undefined]));
    const pid = Number(shown.get("MainPID") ?? 0);
    const startedUs = Number(shown.get("ExecMainStartTimestampMonotonic") ?? 0);
    return {
      pid: pid > 0 ? pid : null,
      startedMs: startedUs > 0 ? Math.floor(startedUs / MICROSECONDS_PER_MS) : null,
      hasHung: shown.get("Result") === "watchdog",
      isActive: shown.get("ActiveState") === "active",
    };
  }

  /** Does nothing to those that run. @throws SystemctlError */
  async start(units: readonly string[]): Promise<void> {
    await this.#run("start", "--no-block", ...units);
  }

  /**
   * A restart would start what somebody stopped but leave alone what waits to be started again, and a unit that failed is
   * refused its start: so each is stopped, forgotten about, and started. @throws SystemctlError
   */
  async stop(units: readonly string[]): Promise<void> {
    await this.#run("stop", ...units);
    await this.#run("reset-failed", ...units);
  }

  /** The main process of one that hears no order to end; does nothing where it has none. */
  async kill(unit: string): Promise<void> {
    const args = ["kill", "--kill-whom=main", "--signal=KILL", unit];
    await execa(this.#path, args, { reject: false, timeout: COMMAND_MS, stdin: "ignore" });
  }

  /** @throws SystemctlError */
  async enable(unit: string): Promise<void> {
    const { exitCode } = await execa(this.#path, ["is-enabled", "--quiet", unit], { reject: false });
    if (exitCode !== 0) await this.#run("enable", "--quiet", unit);
  }

  /**
   * Reads the units anew where one is another than systemd knows: a reload takes GPUs from containers that an older
   * runtime gave them to. @throws SystemctlError
   */
  async reloadIfNeeded(units: readonly string[]): Promise<void> {
    const needed = await this.#run("show", "--property=NeedDaemonReload", "--value", ...units);
    if (/^yes$/m.test(needed)) await this.#run("daemon-reload");
  }

  async #run(...args: string[]): Promise<string> {
    const { exitCode, stdout, stderr, shortMessage } = (await execa(this.#path, args, {
      reject: false,
      timeout: COMMAND_MS,
      stdin: "ignore",
    })) as { exitCode?: number; stdout: string; stderr: string; shortMessage?: string };
    if (exitCode !== 0)
      throw new SystemctlError(
        `systemctl ${args.join(" ")}: ${stderr.trim() || (shortMessage ?? "it ended")}`,
      );
    return stdout;
  }
}
