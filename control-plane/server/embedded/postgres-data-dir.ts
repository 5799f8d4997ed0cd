/**
 * The data folder of the embedded Postgres and the passwords of its users. Made under another name and renamed when
 * whole, so that an interrupted initdb leaves nothing half-made behind.
 */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chown, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { PostgresAccount } from "./postgres-account.ts";
import { PostgresStartError } from "./postgres-start-error.ts";

export const DATABASE_USER = "remotegpu";
const INIT_WITHIN_MS = 120_000;

interface Place {
  dataDir: string;
  binaries: string;
  account: PostgresAccount;
  password: string;
  /** As in postgresql.conf; without fsync, initdb does without it, too. */
  settings: Record<string, string>;
}

/** The password in `file`, written there at the first call. */
export async function storedPassword(file: string): Promise<string> {
  const stored = await contents(file);
  if (stored !== null) return stored.trim();
  const password = randomBytes(24).toString("base64url");
  await writeFile(file, `${password}\n`, { mode: 0o600 });
  return password;
}

/** @throws PostgresStartError when it cannot be made, or was made by another major version */
export async function ensureDataDir(place: Place): Promise<void> {
  const version = await contents(join(place.dataDir, "PG_VERSION"));
  if (version === null) return await makeDataDir(place);
  const catalogue = await readFile(join(place.binaries, "share/postgresql/postgres.bki"), "utf8");
  const ours = /^# PostgreSQL (\d+)/.exec(catalogue)?.[1];
  if (version.trim() === ours) return;
  throw new PostgresStartError(
    `${place.dataDir} was made by Postgres ${version.trim()} and ours is ${ours}: ` +
      "dump it with the old version and remove it, or choose another state folder",
  );
}

async function makeDataDir({ dataDir, binaries, account, password, settings }: Place): Promise<void> {
  const half = `${dataDir}.half`;
  const passwordFile = `${dataDir}.password`;
  for (const old of [half, passwordFile]) await rm(old, { recursive: true, force: true });
  await mkdir(half, { mode: 0o700 });
  await writeFile(passwordFile, password, { mode: 0o600 });
  if (account !== null) for (const path of [half, passwordFile]) await chown(path, account.uid, account.gid);
  try {
    const isDurable = settings["fsync"] !== "off";
    await initdb(join(binaries, "bin/initdb"), { half, passwordFile, account, isDurable });
  } finally {
    await rm(passwordFile, { force: true });
  }
  await rename(half, dataDir);
}

async function initdb(
  binary: string,
  {
    half,
    passwordFile,
    account,
    isDurable,
  }: { half: string; passwordFile: string; account: PostgresAccount; isDurable: boolean },
): Promise<void> {
  const user = ["-U", DATABASE_USER, "--auth=scram-sha-256", `--pwfile=${passwordFile}`];
  const child = spawn(
    binary,
    ["-D", half, ...user, "--encoding=UTF8", "--no-locale", ...(isDurable ? [] : ["--no-sync"])],
    {
      ...account,
      cwd: "/",
      env: { LC_ALL: "C" },
      stdio: ["ignore", "ignore", "pipe"],
      timeout: INIT_WITHIN_MS,
    },
  );
  let complaints = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    complaints += text;
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("close", resolve);
    child.once("error", reject);
  });
  if (code === 0) return;
  const lines = complaints.trim().split("\n");
  const why = lines.find((line) => line.includes("error:")) ?? lines.at(-1);
  throw new PostgresStartError(`cannot make the data folder ${half}: ${why || `initdb ended with ${code}`}`);
}

async function contents(file: string): Promise<string | null> {
  return await readFile(file, "utf8").catch((error: unknown) => {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw error;
  });
}
