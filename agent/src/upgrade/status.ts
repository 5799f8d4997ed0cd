/** How this host's upgrades stand, for people and for scripts. */
import { HOST_ENGLISH, type HostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";
import { wordingOf } from "@remotegpu/shared/reasons/wording";
import type { UpgradeResult } from "../core/upgrade/upgrade-files.ts";
import type { UpgradeFolder } from "../host/upgrades/upgrade-folder.ts";

export function statusJson(folder: UpgradeFolder): string {
  return JSON.stringify({
    current: folder.linked("current"),
    previous: folder.linked("previous"),
    committed: folder.linked("committed"),
    underWay: folder.upgrade(),
    requested: folder.request(),
    results: folder.results(),
    refused: folder.refused(),
  });
}

export function statusText(folder: UpgradeFolder): string {
  const upgrade = folder.upgrade();
  const request = folder.request();
  const lines = [
    `running:    ${folder.linked("current") ?? "nothing is installed"}`,
    `committed:  ${folder.linked("committed") ?? "nothing"}`,
    ...(request === null ? [] : [`requested:  ${request.version}, by ${request.requestedBy}`]),
    ...(upgrade === null
      ? []
      : [
          `under way:  attempt ${upgrade.attempt}, ${upgrade.phase}: ${upgrade.from} -> ${upgrade.to}`,
          ...(upgrade.switchedAt === null ? [] : [`            switched at ${upgrade.switchedAt}`]),
        ]),
    ...folder.results().map(resultLine),
    ...folder.refused().map(({ version, at }) => `refused:    ${version}, since ${at}`),
  ];
  return `${lines.join("\n")}\n`;
}

function resultLine({ attempt, from, to, result, reason, at }: UpgradeResult): string {
  const why = reason === null ? "" : `: ${reasonText(reason)}`;
  return `attempt ${attempt}:  ${at} ${from} -> ${to} ${result}${why}`;
}

export function reasonText(reason: HostReason | null): string {
  return reason === null ? "The reason is not known to this version." : wordingOf(reason, HOST_ENGLISH);
}
