/**
 * A Postgres server for tests: as the product starts it, but without fsync, in a temporary folder, and gone when the
 * process that started it is gone, even by kill -9: a watchdog holds the other end of a pipe.
 */
import { spawn } from "node:child_process";
import { statfsSync } from "node:fs";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { GIB } from "@remotegpu/shared/values/units";
import { startPostgres } from "@remotegpu/control-plane/server/embedded/postgres";
import { quietLog } from "../../quiet-log.ts";
import { beginPlanCounts, planCountSettings } from "./plan-counts.ts";

/** Nothing of a test needs to survive a power cut. */
const FAST = {
  fsync: "off",
  synchronous_commit: "off",
  full_page_writes: "off",
  wal_level: "minimal",
  max_wal_senders: "0",
};

/** Reads until the pipe closes, then stops what still runs in the folder and removes it. */
const WATCHDOG = `
cat >/dev/null
data=$1/postgres/data
pid=$(head -n 1 "$data/postmaster.pid" 2>/dev/null)
runs() { [ -n "$pid" ] && [ "$(readlink "/proc/$pid/cwd")" = "$data" ]; }
if runs; then kill -INT "$pid"; fi
for _ in $(seq 100); do runs || break; sleep 0.1; done
rm -rf "$1"
`;

export interface ThrowawayPostgres {
  url: string;
  stop(): Promise<void>;
}

/** `version` 15 is the oldest we promise; 18 is the one that we ship. */
export async function startThrowawayPostgres(version: 15 | 18 = 18): Promise<ThrowawayPostgres> {
  const folder = await mkdtemp(join(roomyMemory() ?? tmpdir(), "remotegpu-test-postgres-"));
  await chmod(folder, 0o711);
  const watchdog = spawn("/bin/sh", ["-c", WATCHDOG, "sh", folder], {
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  watchdog.unref();
  const binaries = version === 15 ? { binaries: postgres15() } : {};
  const server = await startPostgres({
    stateDir: folder,
    log: quietLog,
    settings: { ...FAST, ...planCountSettings() },
    ...binaries,
  });
  await beginPlanCounts(server.url);
  return {
    url: server.url,
    async stop() {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
      watchdog.stdin.destroy();
    },
  };
}

const MEMORY = "/dev/shm";
/** A suite's databases are a few hundred MiB; many containers have 64 MiB there. */
const ROOM = 4 * GIB;

/** Every file makes a database or more: ten times as fast where files lie in memory. */
function roomyMemory(): string | null {
  try {
    const { bavail, bsize } = statfsSync(MEMORY);
    return bavail * bsize >= ROOM ? MEMORY : null;
  } catch {
    return null;
  }
}

function postgres15(): string {
  const require = createRequire(import.meta.url);
  return join(dirname(require.resolve("postgres-15")), "../native");
}
