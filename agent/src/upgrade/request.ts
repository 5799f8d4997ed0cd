/**
 * What install.sh does with a release that it has laid here: hands it to the upgrade unit and waits until the new agent runs
 * on probation, or does not. The probation itself is nobody's to wait for.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { UpgradeRequest, Version } from "../core/upgrade/upgrade-files.ts";
import type { UpgradeFolder } from "../host/upgrades/upgrade-folder.ts";
import { reasonText } from "./status.ts";
import type { Systemctl } from "./systemctl.ts";

const UNIT = "remotegpu-upgrade.service";
const AGENT = "remotegpu-agent.service";
const POLL_MS = 500;
/** Self-test, three looks at the host, each up to three times, and an agent that comes up. */
const WITHIN_MS = 900_000;

export type Outcome = { isTaken: boolean; text: string };

export async function requestUpgrade(
  request: UpgradeRequest,
  {
    folder,
    systemctl,
    monotonicMs,
    probationMs,
  }: { folder: UpgradeFolder; systemctl: Systemctl; monotonicMs: () => number; probationMs: number },
): Promise<Outcome> {
  const lastAttempt = folder.results().at(-1)?.attempt ?? 0;
  folder.writeRequest(request);
  await systemctl.start([UNIT]);
  const endMs = monotonicMs() + WITHIN_MS;
  while (monotonicMs() < endMs) {
    const outcome =
      endOf(request, { folder, lastAttempt }) ??
      (await stateOf(request.version, { folder, systemctl, probationMs }));
    if (outcome !== null) return outcome;
    await delay(POLL_MS);
  }
  return { isTaken: false, text: `${UNIT} has come to no end; see: journalctl -u ${UNIT}` };
}

function endOf(
  { version, manifestSha256 }: UpgradeRequest,
  { folder, lastAttempt }: { folder: UpgradeFolder; lastAttempt: number },
): Outcome | null {
  const result = folder.results().findLast(({ attempt, to }) => attempt > lastAttempt && to === version);
  if (result !== undefined && result.result !== "committed")
    return { isTaken: false, text: `version ${version} was ${result.result}: ${reasonText(result.reason)}` };
  const refused = folder.refused().find((release) => release.manifestSha256 === manifestSha256);
  if (refused === undefined || folder.upgrade() !== null || folder.request() !== null) return null;
  return {
    isTaken: false,
    text:
      `version ${version} was refused on this host before: ${reasonText(refused.reason)} ` +
      `To try it all the same: remotegpu-agent upgrade allow ${version}`,
  };
}

async function stateOf(
  version: Version,
  { folder, systemctl, probationMs }: { folder: UpgradeFolder; systemctl: Systemctl; probationMs: number },
): Promise<Outcome | null> {
  const upgrade = folder.upgrade();
  if (upgrade === null) {
    const isThere = folder.request() === null && folder.linked("current") === version;
    return isThere ? { isTaken: true, text: `this host runs version ${version} of the agent` } : null;
  }
  if (upgrade.to !== version)
    return {
      isTaken: true,
      text: `an upgrade to ${upgrade.to} is under way; version ${version} follows when it has ended`,
    };
  if (upgrade.phase !== "probation" || !(await systemctl.state(AGENT)).isActive) return null;
  return {
    isTaken: true,
    text: `this host runs version ${version} of the agent, on probation for ${Math.round(probationMs / 60_000)} min; version ${upgrade.from} comes back by itself where it fails (see: remotegpu-agent upgrade status)`,
  };
}
