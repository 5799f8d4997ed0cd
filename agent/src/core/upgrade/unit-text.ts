/** A unit file as it lies in a release, and with the folders of this host, as install.sh rewrites it. */

/** Those that go forward and back with the agent. */
export const AGENT_UNITS = ["remotegpu-agent.service", "remotegpu-files.service"] as const;
/** Those that are replaced at commit only: what they start is the committed version, or puts it back. */
export const COMMITTED_UNITS = [
  "remotegpu-access.service",
  "remotegpu-upgrade.service",
  "remotegpu-upgrade.timer",
  "remotegpu-upgrade-cleanup.service",
  "remotegpu-upgrade-cleanup.timer",
] as const;

/** Beside the links: it starts the version before even where nothing of the new one runs. */
export const SHELL_NAME = "upgrade.sh";

/** Unit files of the version before, as they lie on this host, for the shell; there from a switch to the upgrade's end. */
export const UNITS_BEFORE = ".units-before";

/** Absolute paths without a slash at their end. */
export type HostFolders = { opt: string; etc: string; state: string; pool: string; units: string };

export function unitText(text: string, { opt, etc, state, pool, units }: HostFolders): string {
  return text
    .replaceAll("/opt/remotegpu/", `${opt}/`)
    .replaceAll("/etc/remotegpu/", `${etc}/`)
    .replaceAll("/etc/systemd/system", units)
    .replaceAll("/var/lib/remotegpu/pool", pool)
    .replaceAll("-/var/lib/remotegpu/", `-${state}/`);
}
