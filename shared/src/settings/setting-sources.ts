/**
 * Where the settings of a program come from, and which of them holds: an option before the environment, that before a
 * credential of systemd, that before the settings file. No I/O: whoever calls hands over a disk.
 */
import { type FileSetting, type LineFault, parseSettingsFile } from "./settings-file.ts";

/** Names the settings file, in the environment alone. Empty: there is none. */
export const CONFIG_FILE = "REMOTEGPU_CONFIG_FILE";
/** Named by systemd: the folder of what LoadCredential= hands to a unit. */
const CREDENTIALS_FOLDER = "CREDENTIALS_DIRECTORY";
const READABLE_BY_ALL = 0o004;

export type Origin =
  | { from: "default" }
  | { from: "option" }
  | { from: "environment" }
  | { from: "credential"; file: string }
  | { from: "file"; file: string; line: number };

export interface FoundSetting {
  value: string;
  origin: Origin;
}

/** Each method throws what Node throws. */
export interface Disk {
  read(path: string): string;
  /** Of permissions and kind, as stat gives it. */
  mode(path: string): number;
  /** Of the files in a folder. */
  names(folder: string): string[];
}

export interface SettingsFile {
  path: string;
  settings: FileSetting[];
  faults: LineFault[];
  isReadableByAll: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

export interface SettingSources {
  options: Environment;
  /** Without what only repeats the file. */
  environment: Environment;
  credentials: ReadonlyMap<string, FoundSetting>;
  file: SettingsFile | null;
}

/** A settings file that was named cannot be read, or a line of it cannot. One sentence that names both. */
export class SettingsFileError extends Error {
  override readonly name = "SettingsFileError";
}

/**
 * @param names of all settings that the program has
 * @throws SettingsFileError where the file that the environment names cannot be read
 */
export function readSources(
  given: { options?: Environment; environment: Environment },
  names: readonly string[],
  disk: Disk,
): SettingSources {
  const { options = {}, environment } = given;
  const path = options[CONFIG_FILE] ?? environment[CONFIG_FILE] ?? "";
  const file = path === "" ? null : readFile(path, disk);
  return {
    options,
    environment: withoutRepeated(environment, file),
    credentials: readCredentials(environment[CREDENTIALS_FOLDER] ?? "", names, disk),
    file,
  };
}

/** The same with the file and the credentials as they are now. @throws SettingsFileError */
export function rereadSources(
  { options, environment, file }: SettingSources,
  names: readonly string[],
  disk: Disk,
): SettingSources {
  return {
    options,
    environment,
    credentials: readCredentials(environment[CREDENTIALS_FOLDER] ?? "", names, disk),
    file: file === null ? null : readFile(file.path, disk),
  };
}

/** @throws SettingsFileError */
export function assertReadable(file: SettingsFile | null): void {
  const [first] = file?.faults ?? [];
  if (file !== null && first !== undefined)
    throw new SettingsFileError(`${file.path}:${first.line}: ${first.fault}`);
}

/** Name → what holds, of whatever is set anywhere. */
export function foundSettings({ options, environment, credentials, file }: SettingSources) {
  const found = new Map<string, FoundSetting>();
  for (const { name, value, line } of file?.settings ?? [])
    found.set(name, { value, origin: { from: "file", file: file?.path ?? "", line } });
  for (const [name, setting] of credentials) found.set(name, setting);
  for (const [name, value] of Object.entries(environment))
    if (value !== undefined) found.set(name, { value, origin: { from: "environment" } });
  for (const [name, value] of Object.entries(options))
    if (value !== undefined) found.set(name, { value, origin: { from: "option" } });
  return found;
}

/** What a program's schema reads. */
export function valuesOf(found: ReadonlyMap<string, FoundSetting>): Record<string, string> {
  return Object.fromEntries([...found].map(([name, { value }]) => [name, value]));
}

/**
 * systemd's EnvironmentFile=, and a shell that sources the file, hand over what it held then. It counts as the file's, or a
 * reload could change nothing.
 */
function withoutRepeated(environment: Environment, file: SettingsFile | null): Environment {
  const inFile = new Map(file?.settings.map(({ name, value }) => [name, value]));
  return Object.fromEntries(
    Object.entries(environment).filter(([name, value]) => value === undefined || inFile.get(name) !== value),
  );
}

function readFile(path: string, disk: Disk): SettingsFile {
  try {
    const { settings, faults } = parseSettingsFile(disk.read(path));
    const own = settings.filter(({ name }) => name === CONFIG_FILE);
    return {
      path,
      settings: settings.filter(({ name }) => name !== CONFIG_FILE),
      faults: [
        ...faults,
        ...own.map(({ line }) => ({ line, fault: `${CONFIG_FILE} cannot name another file` })),
      ],
      isReadableByAll: (disk.mode(path) & READABLE_BY_ALL) !== 0,
    };
  } catch (cause) {
    throw new SettingsFileError(`the settings file cannot be read: ${sentenceOf(cause)}`, { cause });
  }
}

/** A file there that has the name of a setting is its value, without the line's end. */
function readCredentials(folder: string, names: readonly string[], disk: Disk) {
  const read = new Map<string, FoundSetting>();
  if (folder === "") return read;
  try {
    for (const name of disk.names(folder).filter((one) => names.includes(one))) {
      const file = `${folder}/${name}`;
      read.set(name, { value: disk.read(file).replace(/\r?\n$/, ""), origin: { from: "credential", file } });
    }
  } catch (cause) {
    throw new SettingsFileError(`a credential cannot be read: ${sentenceOf(cause)}`, { cause });
  }
  return read;
}

/** Node's own names the file and what was wanted with it. */
function sentenceOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
