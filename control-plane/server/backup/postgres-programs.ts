/**
 * Postgres' own programs for a dump of a whole database, in their archive format. They get the database's address and
 * password by their environment.
 */
import { Transform, type Readable, type Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { execa, ExecaError } from "execa";
import { libpqEnvironment } from "../core/backup/libpq-environment.ts";
import { BackupError } from "./backup-error.ts";

/** Settings of the session stand before everything else in what pg_restore writes. */
const SETTINGS_WITHIN_BYTES = 4_096;

/**
 * What `pg_dump --version` prints; null where it is not installed. Where Debian has several versions, which one runs hangs
 * on whether a host is named, so all of them get the environment of the database.
 */
export async function pgDumpVersion(url: string): Promise<string | null> {
  const { failed, stdout } = await execa("pg_dump", ["--version"], {
    env: libpqEnvironment(url),
    reject: false,
  });
  return failed ? null : stdout;
}

/** @param snapshotId of a session that stays open meanwhile */
export async function pgDump(url: string, snapshotId: string, sink: Writable): Promise<void> {
  const args = ["--format=custom", "--no-owner", "--no-privileges", `--snapshot=${snapshotId}`];
  const dump = execa("pg_dump", args, {
    env: libpqEnvironment(url),
    stdin: "ignore",
    buffer: { stdout: false },
  });
  await explained(dump, pipeline(dump.stdout, sink));
}

/**
 * All of it in one transaction. psql runs what pg_restore writes, since pg_restore 17 and later sets a parameter that older
 * servers refuse.
 */
export async function pgRestore(url: string, file: string): Promise<void> {
  const archive = execa("pg_restore", ["--no-owner", "--no-privileges", "--file=-", file], {
    env: libpqEnvironment(url),
    stdin: "ignore",
    buffer: { stdout: false },
  });
  const args = [
    "--no-psqlrc",
    "--quiet",
    "--single-transaction",
    "--set=ON_ERROR_STOP=1",
    "--output=/dev/null",
  ];
  const session = execa("psql", args, {
    env: libpqEnvironment(url),
    stdin: "pipe",
    buffer: { stdout: false },
  });
  session.stdout.resume();
  // Its input ends only with the whole archive, since psql commits what came until then.
  const piped = pipeline(archive.stdout, withoutLaterSettings(), session.stdin, { end: false });
  const fed = explained(archive, piped).then(
    () => session.stdin.end(),
    (error: unknown) => {
      session.kill("SIGKILL");
      throw error;
    },
  );
  const [ended, written] = await Promise.allSettled([session, fed]);
  // Where psql refuses a statement it ends by itself, with the reason, and only breaks the pipe to it.
  const isKilled =
    ended.status === "rejected" && ended.reason instanceof ExecaError && ended.reason.isTerminated;
  if (ended.status === "rejected" && !isKilled) throw asProgramError(ended.reason);
  if (written.status === "rejected") throw written.reason;
}

async function explained(
  program: Promise<unknown> & { stdout: Readable },
  piped: Promise<void>,
): Promise<void> {
  const [ended, streamed] = await Promise.allSettled([program, piped]);
  if (ended.status === "rejected") throw asProgramError(ended.reason);
  if (streamed.status === "rejected") throw streamed.reason;
}

function asProgramError(error: unknown): unknown {
  if (!(error instanceof ExecaError)) return error;
  const { command, stderr, shortMessage }: { command: string; stderr?: unknown; shortMessage: string } =
    error;
  const reason = typeof stderr === "string" && stderr !== "" ? stderr : shortMessage;
  return new BackupError(`${command.split(" ", 1)[0] ?? ""}: ${reason}`, { cause: error });
}

function withoutLaterSettings(): Transform {
  let head: Buffer | null = Buffer.alloc(0);
  const settled = (beginning: Buffer) => {
    head = null;
    return beginning.toString("latin1").replace(/^SET transaction_timeout = 0;$/m, "");
  };
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      if (head === null) return done(null, chunk);
      head = Buffer.concat([head, chunk]);
      if (head.length < SETTINGS_WITHIN_BYTES) return done();
      done(null, Buffer.from(settled(head), "latin1"));
    },
    flush(done) {
      done(null, head === null ? undefined : Buffer.from(settled(head), "latin1"));
    },
  });
}
