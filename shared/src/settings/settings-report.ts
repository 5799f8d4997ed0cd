/** What `config check` answers: every setting with its effective value and where that comes from, and what is wrong. */
import { nearestName } from "./nearest-name.ts";
import { presentedValue, type SettingKind } from "./presented-value.ts";
import {
  type FoundSetting,
  foundSettings,
  type Origin,
  type SettingSources,
  valuesOf,
} from "./setting-sources.ts";

const OUR_PREFIX = "REMOTEGPU_";

export interface SettingFault {
  name: string;
  fault: string;
}

/** What a program says of its settings. */
export interface SettingsDefinition {
  names: readonly string[];
  /** Of those that are or hold secrets; all others are plain. */
  kinds: Readonly<Record<string, SettingKind>>;
  /** Variables of other programs of ours, which may stand in the same environment. */
  ofOthers: readonly string[];
  /** What applies where it is not set, or set to nothing. */
  defaultOf(this: void, name: string, values: Record<string, string>): string;
  /** Without any value, which may be a secret. */
  faultsOf(this: void, values: Record<string, string>): SettingFault[];
}

interface ReportedSetting {
  name: string;
  /** As it may be printed. */
  value: string;
  origin: Origin;
  faults: string[];
}

interface UnknownSetting {
  name: string;
  origin: Origin;
  nearest: string | null;
}

export interface SettingsReport {
  file: string | null;
  settings: ReportedSetting[];
  unknown: UnknownSetting[];
  /** Lines of the file that could not be read. */
  lines: { line: number; fault: string }[];
  warnings: string[];
}

/** @param more faults beyond those of values, such as of files that they name */
export function settingsReport(
  sources: SettingSources,
  definition: SettingsDefinition,
  more: readonly SettingFault[] = [],
): SettingsReport {
  const found = foundSettings(sources);
  const values = valuesOf(found);
  const faults = [...definition.faultsOf(values), ...more];
  return {
    file: sources.file?.path ?? null,
    settings: definition.names.map((name) => ({
      name,
      ...effective(name, found.get(name), definition, values),
      faults: faults.filter((one) => one.name === name).map(({ fault }) => fault),
    })),
    unknown: unknownSettings(found, definition),
    lines: sources.file?.faults ?? [],
    warnings: [...readableWarnings(sources, definition), ...foreignWarnings(found, definition)],
  };
}

export function isSound({ settings, unknown, lines }: SettingsReport): boolean {
  return unknown.length === 0 && lines.length === 0 && settings.every(({ faults }) => faults.length === 0);
}

function effective(
  name: string,
  setting: FoundSetting | undefined,
  { kinds, defaultOf }: SettingsDefinition,
  values: Record<string, string>,
): { value: string; origin: Origin } {
  const kind = kinds[name] ?? "plain";
  if (setting === undefined || setting.value === "")
    return {
      value: presentedValue(defaultOf(name, values), "plain"),
      origin: setting?.origin ?? { from: "default" },
    };
  return { value: presentedValue(setting.value, kind), origin: setting.origin };
}

/** In the file, also what is so near to a setting that it was meant: a mistyped DATABASE_URL. */
function unknownSettings(
  found: ReadonlyMap<string, FoundSetting>,
  { names, ofOthers }: SettingsDefinition,
): UnknownSetting[] {
  return [...found].flatMap(([name, { origin }]) => {
    const isOurs = name.startsWith(OUR_PREFIX) || origin.from === "file";
    const isOfOthers = origin.from === "environment" && ofOthers.includes(name);
    if (names.includes(name) || !isOurs || isOfOthers) return [];
    const nearest = nearestName(name, names);
    return name.startsWith(OUR_PREFIX) || nearest !== null ? [{ name, origin, nearest }] : [];
  });
}

function foreignWarnings(found: ReadonlyMap<string, FoundSetting>, { names }: SettingsDefinition): string[] {
  return [...found].flatMap(([name, { origin }]) => {
    const isForeign =
      !names.includes(name) && !name.startsWith(OUR_PREFIX) && nearestName(name, names) === null;
    return origin.from === "file" && isForeign
      ? [`${originText(origin)}: ${name} is no setting of this program`]
      : [];
  });
}

function readableWarnings({ file }: SettingSources, { kinds }: SettingsDefinition): string[] {
  const secrets = (file?.settings ?? []).filter(
    ({ name, value }) => kinds[name] !== undefined && value !== "",
  );
  if (file?.isReadableByAll !== true || secrets.length === 0) return [];
  const named = [...new Set(secrets.map(({ name }) => name))].join(", ");
  return [`${file.path} holds ${named} and every user of this machine can read it: chmod 600 ${file.path}`];
}

/** What the log of a process says of its file, though it can be used: who can read it, and which of its names are none. */
export function fileWarnings(sources: SettingSources, definition: SettingsDefinition): string[] {
  const unknown = unknownSettings(foundSettings(sources), definition);
  const ofFile = unknown.filter(({ origin }) => origin.from === "file");
  return [...readableWarnings(sources, definition), ...ofFile.map(unknownText)];
}

function unknownText({ name, origin, nearest }: UnknownSetting): string {
  const meant = nearest === null ? "" : `; the nearest is ${nearest}`;
  return `unknown: ${name} (${originText(origin)})${meant}`;
}

export function originText(origin: Origin): string {
  if (origin.from === "file") return `${origin.file}:${origin.line}`;
  return origin.from === "credential" ? `credential ${origin.file}` : origin.from;
}

export function settingsReportJson(report: SettingsReport): string {
  const origins = <Part extends { origin: Origin }>(part: Part) => ({
    ...part,
    origin: originText(part.origin),
  });
  const { settings, unknown, ...rest } = report;
  const document = {
    sound: isSound(report),
    ...rest,
    settings: settings.map(origins),
    unknown: unknown.map(origins),
  };
  return JSON.stringify(document, null, 2);
}

/** For people: the table, then what is wrong, a line each. */
export function settingsReportText(report: SettingsReport): string {
  const rows = report.settings.map(({ name, value, origin }) => [name, value, originText(origin)]);
  const complaints = complaintsOf(report);
  const verdict = isSound(report) ? "All settings are valid." : `${complaints.length} to correct.`;
  return [
    ...table([["SETTING", "VALUE", "ORIGIN"], ...rows]),
    "",
    ...complaints,
    ...report.warnings.map((warning) => `warning: ${warning}`),
    verdict,
  ].join("\n");
}

function complaintsOf({ file, settings, unknown, lines }: SettingsReport): string[] {
  return [
    ...lines.map(({ line, fault }) => `invalid: ${file}:${line}: ${fault}`),
    ...settings.flatMap(({ name, origin, faults }) =>
      faults.map((fault) => `invalid: ${name} (${originText(origin)}): ${fault}`),
    ),
    ...unknown.map(unknownText),
  ];
}

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}
