/** A Postgres primary and its standby, which streams from it, on loopback. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { freePort } from "../engines/free-ports.ts";
import { eventually } from "../eventually.ts";
import { asPostgres, PostgresServer } from "./postgres-server.ts";

/**
 * Both servers': whoever leads asks for a standby of this name. What does not ask to be confirmed waits for nobody. The
 * files of a test need not outlive its machine.
 */
const SETTINGS = `
listen_addresses = '127.0.0.1'
max_connections = 100
synchronous_standby_names = 'standby'
synchronous_commit = local
wal_keep_size = 64MB
fsync = off
`;

/** How a standby finds its primary, and what it is called there. */
function followSettings(primary: PostgresServer): string {
  return `primary_conninfo = 'host=127.0.0.1 port=${primary.port} user=postgres application_name=standby'`;
}

export interface PostgresPair {
  /** The primary first, until a test promotes the other. */
  readonly servers: readonly [PostgresServer, PostgresServer];
  /** Both in one, as DATABASE_URL has it. */
  url(database?: string): string;
  /** Makes `standby` anew from `primary`, and starts it: resolves once it is attached. What it had is gone. */
  follow(standby: PostgresServer, primary: PostgresServer): Promise<void>;
  stop(): Promise<void>;
}

/** @param own lines for both servers' postgresql.conf, after those above */
export async function startPostgresPair(own = ""): Promise<PostgresPair> {
  const root = mkdtempSync(join(tmpdir(), "remotegpu-ha-"));
  const servers = [
    new PostgresServer(join(root, "one"), await freePort()),
    new PostgresServer(join(root, "two"), await freePort()),
  ] as const;
  const [primary, standby] = servers;
  mkdirSync(primary.folder);
  await execa("chown", ["-R", "postgres", root]);
  await asPostgres("initdb", "-D", primary.folder, "-A", "trust", "-U", "postgres", "--no-sync");
  primary.configure(`${SETTINGS}\nunix_socket_directories = '${root}'\n${own}`);
  await primary.start();
  const follow = async (follower: PostgresServer, leader: PostgresServer) => {
    await follower.kill();
    rmSync(follower.folder, { recursive: true, force: true });
    const from = ["-h", "127.0.0.1", "-p", `${leader.port}`, "-U", "postgres"];
    await asPostgres("pg_basebackup", "-D", follower.folder, "--checkpoint=fast", "--no-sync", ...from);
    follower.configure(followSettings(leader));
    writeFileSync(join(follower.folder, "standby.signal"), "");
    await follower.start();
    await eventually(async () => await isAttached(leader));
  };
  await follow(standby, primary);
  return {
    servers,
    url: (database = "postgres") =>
      `postgres://postgres@127.0.0.1:${primary.port},127.0.0.1:${standby.port}/${database}`,
    follow,
    async stop() {
      await Promise.all(servers.map((server) => server.kill()));
      rmSync(root, { recursive: true, force: true });
    },
  };
}

/** True where the standby confirms what it is asked to. */
async function isAttached(primary: PostgresServer): Promise<boolean> {
  const rows = await primary.query("SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'");
  return rows.length > 0;
}
