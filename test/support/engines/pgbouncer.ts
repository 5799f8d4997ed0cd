/**
 * Debian's PgBouncer in transaction mode before a Postgres server, with few sessions, so that those who come through it
 * get each other's. Ends with the process that started it.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDatabase } from "@remotegpu/control-plane/server/store/database/database";
import { eventually } from "../eventually.ts";
import { freePort } from "./free-ports.ts";

const LOOPBACK = "127.0.0.1";
/** It refuses to be root. */
const NO_HANDLERS = { uid: 65_534, gid: 65_534 };
/** For each user and database. */
export const SESSIONS = 3;

export interface PgBouncer {
  /** The same user and database, through it. */
  through(url: string): string;
  stop(): Promise<void>;
}

/** For these users of the server, whose URLs have their passwords. */
export async function startPgBouncer(urls: readonly string[]): Promise<PgBouncer> {
  const folder = mkdtempSync(join(tmpdir(), "remotegpu-pgbouncer-"));
  const port = await freePort();
  const users = urls.map((url) => new URL(url));
  const [server] = users;
  const file = (name: string) => join(folder, name);
  writeFileSync(
    file("users"),
    users.map(({ username, password }) => `"${username}" "${password}"\n`).join(""),
  );
  writeFileSync(
    file("pgbouncer.ini"),
    `[databases]
* = host=${server?.hostname} port=${server?.port}
[pgbouncer]
listen_addr = ${LOOPBACK}
listen_port = ${port}
unix_socket_dir =
auth_type = plain
auth_file = ${file("users")}
pool_mode = transaction
default_pool_size = ${SESSIONS}
max_prepared_statements = 0
`,
  );
  for (const name of ["users", "pgbouncer.ini"]) chmodSync(file(name), 0o644);
  chmodSync(folder, 0o755);
  const child = spawn("/usr/sbin/pgbouncer", ["-q", file("pgbouncer.ini")], {
    ...(process.getuid?.() === 0 && NO_HANDLERS),
    cwd: "/",
    stdio: "ignore",
  });
  const ended = once(child, "exit");
  const endWithUs = () => void child.kill("SIGKILL");
  process.once("exit", endWithUs);
  const through = (url: string) => {
    const route = new URL(url);
    route.hostname = LOOPBACK;
    route.port = String(port);
    return route.href;
  };
  await eventually(() => answers(through(users[0]?.href ?? "")));
  return {
    through,
    async stop() {
      endWithUs();
      await ended;
      process.off("exit", endWithUs);
      rmSync(folder, { recursive: true });
    },
  };
}

async function answers(url: string): Promise<boolean> {
  const database = openDatabase(url, { maxConnections: 1, runsAs: "owner" });
  try {
    await database.query("SELECT 1");
    return true;
  } catch {
    // Not yet: whoever waits has a bound.
    return false;
  } finally {
    await database.close();
  }
}
