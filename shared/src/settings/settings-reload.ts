/** Settings that are read again while a process runs: its log changes at once, everything else at the next restart. */
import type { LogSettings } from "../logging/log-settings.ts";
import type { ProcessLog } from "../logging/process-log.ts";
import {
  assertReadable,
  type Disk,
  foundSettings,
  rereadSources,
  SettingsFileError,
  type SettingSources,
  valuesOf,
} from "./setting-sources.ts";
import { fileWarnings, type SettingsDefinition } from "./settings-report.ts";

const TAKEN_AT_ONCE = new Set(["REMOTEGPU_LOG_LEVEL", "REMOTEGPU_LOG_FORMAT"]);

export interface ReloadParts {
  /** As they were when the process started. */
  sources: SettingSources;
  definition: SettingsDefinition;
  disk: Disk;
  /** Of valid values. */
  logOf(this: void, values: Record<string, string>): LogSettings;
  log: ProcessLog;
}

/** Where the file or a value of it is at fault nothing changes, and one line of the log says why. */
export function reloadSettings({ sources, definition, disk, logOf, log }: ReloadParts): void {
  const now = reread({ sources, definition, disk, log });
  if (now === null) return;
  const values = valuesOf(foundSettings(now));
  const faults = definition.faultsOf(values);
  if (faults.length > 0) {
    const invalid = faults.map(({ name, fault }) => `${name}: ${fault}`);
    return log.error({ file: now.file?.path, invalid }, "the settings are invalid; those from before stay");
  }
  const { level: logLevel, format: logFormat } = logOf(values);
  log.configure({ level: logLevel, format: logFormat });
  log.info({ file: now.file?.path, logLevel, logFormat }, "the settings were read again");
  const pending = changedSettings(definition, valuesOf(foundSettings(sources)), values);
  if (pending.length > 0) log.warn({ settings: pending }, "changed settings take effect at the next restart");
  for (const warning of fileWarnings(now, definition)) log.warn({}, warning);
}

function reread({ sources, definition, disk, log }: Omit<ReloadParts, "logOf">): SettingSources | null {
  try {
    const now = rereadSources(sources, definition.names, disk);
    assertReadable(now.file);
    return now;
  } catch (error) {
    if (!(error instanceof SettingsFileError)) throw error;
    log.error({ error }, "the settings cannot be read again; those from before stay");
    return null;
  }
}

function changedSettings(
  { names }: SettingsDefinition,
  before: Record<string, string>,
  now: Record<string, string>,
): string[] {
  return names.filter((name) => !TAKEN_AT_ONCE.has(name) && (before[name] ?? "") !== (now[name] ?? ""));
}
