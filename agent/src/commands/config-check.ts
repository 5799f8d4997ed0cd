/** `config check`: the effective settings, where each comes from, and what keeps them from being used. Changes nothing. */
import type { SettingSources } from "@remotegpu/shared/settings/setting-sources";
import {
  isSound,
  settingsReport,
  settingsReportJson,
  settingsReportText,
} from "@remotegpu/shared/settings/settings-report";
import { AGENT_SETTINGS } from "../config/config-defaults.ts";

/** Answers the exit code: 1 where something is wrong. */
export function configCheck(
  sources: SettingSources,
  { json = false }: { json?: boolean },
  print: (text: string) => void,
): 0 | 1 {
  const report = settingsReport(sources, AGENT_SETTINGS);
  print(json ? settingsReportJson(report) : settingsReportText(report));
  return isSound(report) ? 0 : 1;
}
