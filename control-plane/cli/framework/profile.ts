/**
 * Where the command line finds its server and key: options, then the environment, then a profile file. A profile
 * is made by `remotegpu login`, or by `npm start` for the host it runs on.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { z } from "zod";
import { CliError } from "./cli-error.ts";

export const Profile = z.object({
  server: z.url({ protocol: /^https?$/, error: "is not an http or https address" }),
  /** It goes into a header, where nothing else may stand. */
  key: z.string("is not an API key").regex(/^[\x21-\x7e]{1,256}$/, "is not an API key"),
  /** Path of a PEM file to trust besides the system's. */
  ca: z.string().optional(),
});
export type Profile = z.infer<typeof Profile>;

/** The profile that `npm start` leaves in its state folder. */
export const START_PROFILE = "/var/lib/remotegpu/start/profile.json";

function userProfilePath(): string {
  return join(process.env.XDG_CONFIG_HOME ?? join(homedir(), ".config"), "remotegpu", "profile.json");
}

/**
 * The file of a profile: a path, or a name for one of the user's own, of which `start` is the one that `npm start` keeps.
 * @param named as given; else as REMOTEGPU_PROFILE says, else the user's only one
 */
export function profilePath(named = process.env["REMOTEGPU_PROFILE"]): string {
  if (named === undefined) return userProfilePath();
  if (named === "start") return START_PROFILE;
  if (!PROFILE_NAME.test(named)) return named;
  return join(dirname(userProfilePath()), "profiles", `${named}.json`);
}

const PROFILE_NAME = /^[\w-]{1,64}$/;

/**
 * The user's folders go with the last profile in them.
 * @returns false where there was none
 * @throws CliError for what is no file, or may not be removed
 */
export function forgetProfile(path: string): boolean {
  const isThere = existsSync(path);
  try {
    rmSync(path, { force: true });
  } catch (cause) {
    throw new CliError("usage", `The profile ${path} cannot be removed: ${faultOf(cause)}`, { cause });
  }
  const own = dirname(userProfilePath());
  for (const folder of [join(own, "profiles"), own])
    if (isThere && existsSync(folder) && readdirSync(folder).length === 0) rmdirSync(folder);
  return isThere;
}

function faultOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

/** `keyFrom`: where the key stands, for the message that it is refused. `file`: the profile that is used, if one is. */
export type LoadedProfile = Profile & { keyFrom: string; file: string | null };

/** Where nothing is named, what a person logged in to goes before what `npm start` keeps, which `start` always names. */
const standardFiles = () => [userProfilePath(), START_PROFILE];

/**
 * @param standard files to look for where none is named, in their order
 * @throws CliError when nothing names a server and a key, or a profile is unreadable
 */
export function loadProfile(
  options: { profile?: string; server?: string; key?: string },
  standard = standardFiles(),
): LoadedProfile {
  const server = options.server ?? process.env.REMOTEGPU_SERVER;
  const key = options.key ?? process.env.REMOTEGPU_KEY;
  const given = {
    ...(server !== undefined && { server: options.server === undefined ? "REMOTEGPU_SERVER" : "--server" }),
    ...(key !== undefined && { key: options.key === undefined ? "REMOTEGPU_KEY" : "--key" }),
  };
  if (server !== undefined && key !== undefined)
    return { ...checked({ server, key, ca: process.env.REMOTEGPU_CA }, given), file: null };

  const named = options.profile ?? process.env.REMOTEGPU_PROFILE;
  const path = named === undefined ? standard.find((candidate) => existsSync(candidate)) : profilePath(named);
  if (path === undefined)
    throw new CliError(
      "usage",
      "No server is known. Run `remotegpu login --server URL`, or set REMOTEGPU_SERVER and REMOTEGPU_KEY.",
    );
  const profile = readProfile(path);
  // Whoever answers at the other address would have the key.
  if (server !== undefined && key === undefined && !isSameServer(server, profile.server))
    throw new CliError(
      "usage",
      `The key in ${path} is for ${String(profile.server)} and is not sent to ${server}. Give the key too (REMOTEGPU_KEY), or log in there with a --profile of its own.`,
    );
  const stored = { server: `server in ${path}`, key: `key in ${path}`, ca: `ca in ${path}` };
  const candidate = {
    ...profile,
    ...(server !== undefined && { server }),
    ...(key !== undefined && { key }),
  };
  return { ...checked(candidate, { ...stored, ...given }), file: path };
}

/** @throws CliError where it cannot be written */
export function saveProfile(path: string, profile: Profile): void {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileSync(path, `${JSON.stringify(profile, null, 2)}\n`, { mode: 0o600 });
  } catch (cause) {
    throw new CliError("usage", `The profile ${path} cannot be written: ${faultOf(cause)}`, { cause });
  }
}

/** Said to who logs in beside `npm start`, whose profile was used until now. */
export function shadowSentence(file: string, start = START_PROFILE): string {
  if (file !== userProfilePath() || !existsSync(start)) return "";
  return " It goes before that of npm start, which is --profile start from now on.";
}

/** By origin, so that a slash at the end makes no difference; what is no address at all is blamed later. */
function isSameServer(given: string, stored: unknown): boolean {
  const [one, other] = [given, String(stored)].map((url) => (URL.canParse(url) ? new URL(url).origin : null));
  return one === null || other === null || one === other;
}

function readProfile(path: string): Record<string, unknown> {
  try {
    return z.looseObject({}).parse(JSON.parse(readFileSync(path, "utf8")));
  } catch (cause) {
    throw new CliError("usage", `The profile ${path} cannot be read.`, { cause });
  }
}

/** @param origins where each member came from, so that the right one is blamed; its value is not shown, being secret */
function checked(
  candidate: unknown,
  origins: Record<string, string>,
): Profile & Pick<LoadedProfile, "keyFrom"> {
  const parsed = Profile.safeParse(candidate);
  if (parsed.success) return { ...parsed.data, keyFrom: origins.key ?? "key" };
  const issue = parsed.error.issues[0];
  const member = String(issue?.path[0] ?? "");
  throw new CliError("usage", `${origins[member] ?? member} ${issue?.message ?? "is not readable"}.`);
}
