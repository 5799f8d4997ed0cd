/**
 * Postgres refuses to run as root. As root we run it as a system user of its own, made when it is missing, from
 * binaries that this user can reach: where they lie if possible (a clone under /root is closed to it), else a copy in
 * the state folder.
 */
import { execFile, spawnSync } from "node:child_process";
import { chmod, cp, mkdir, readFile, realpath, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { PostgresStartError } from "./postgres-start-error.ts";

const USER = "remotegpu-postgres";
const TOOL_WITHIN_MS = 30_000;

/** Whom the server runs as; null: as ourselves. */
export type PostgresAccount = { uid: number; gid: number } | null;

/** @throws PostgresStartError when the user can neither be found nor made */
export async function postgresAccount(): Promise<PostgresAccount> {
  if (process.getuid?.() !== 0) return null;
  const known = await findUser();
  if (known !== null) return known;
  const failure = await addUser();
  // Also after a failure: another of our processes may have made it at the same moment.
  const made = await findUser();
  if (made !== null) return made;
  throw new PostgresStartError(
    `cannot make the system user ${USER}, which Postgres needs when root starts it`,
    {
      cause: failure,
    },
  );
}

async function findUser(): Promise<PostgresAccount> {
  const passwd = await readFile("/etc/passwd", "utf8");
  const fields = passwd
    .split("\n")
    .find((line) => line.startsWith(`${USER}:`))
    ?.split(":");
  return fields === undefined ? null : { uid: Number(fields[2]), gid: Number(fields[3]) };
}

async function addUser(): Promise<unknown> {
  const nowhere = ["--no-create-home", "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin"];
  return await promisify(execFile)("useradd", ["--system", "--user-group", ...nowhere, USER], {
    timeout: TOOL_WITHIN_MS,
  }).then(
    () => undefined,
    (error: unknown) => error,
  );
}

/** @throws PostgresStartError when the account cannot pass through to `folder` */
export function assertReachable(folder: string, account: PostgresAccount): void {
  if (account === null) return;
  const { status, error } = spawnSync("/bin/sh", ["-c", 'cd "$1"', "sh", folder], {
    ...account,
    timeout: TOOL_WITHIN_MS,
  });
  if (error !== undefined)
    throw new PostgresStartError(`cannot run anything as the user ${USER}: ${error.message}`, {
      cause: error,
    });
  if (status === 0) return;
  throw new PostgresStartError(
    `Postgres runs as the user ${USER}, who cannot reach ${folder}: a folder above it is closed to others. ` +
      "Choose a state folder elsewhere (say below /var/lib) or open the way with chmod o+x",
  );
}

/**
 * Answers a folder whose bin/postgres the account can run: `binaries` itself, or a copy of it in `folder`.
 * @throws PostgresStartError when the binaries do not run here at all
 */
export async function runnableBinaries(
  binaries: string,
  folder: string,
  account: PostgresAccount,
): Promise<string> {
  if (versionOf(binaries, account) !== null) return binaries;
  const version = versionOf(binaries, null);
  if (version === null)
    throw new PostgresStartError(`the Postgres binaries in ${binaries} do not run on this machine`);
  const copy = join(folder, version);
  if (versionOf(copy, account) === version) return copy;
  await copyWhole(binaries, copy);
  if (versionOf(copy, account) === version) return copy;
  throw new PostgresStartError(
    `the user ${USER} cannot run ${copy}/bin/postgres; is the file system mounted noexec?`,
  );
}

/** The version as a folder's name, or null when this account cannot run it. */
function versionOf(binaries: string, account: PostgresAccount): string | null {
  const { status, stdout } = spawnSync(join(binaries, "bin/postgres"), ["--version"], {
    ...account,
    encoding: "utf8",
    timeout: TOOL_WITHIN_MS,
  });
  const version = status === 0 ? /\d+(\.\d+)?/.exec(stdout)?.[0] : undefined;
  return version ?? null;
}

/** Whole or not at all: an interrupted copy has another name. */
async function copyWhole(from: string, to: string): Promise<void> {
  const half = `${to}.half`;
  for (const old of [half, to]) await rm(old, { recursive: true, force: true });
  await mkdir(half);
  await cp(await realpath(from), half, { recursive: true, verbatimSymlinks: true });
  await chmod(half, 0o755);
  await rename(half, to);
}
