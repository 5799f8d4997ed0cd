/**
 * The login with which a control plane works in a Postgres of its own: a member of the application's role and nothing
 * else, so no connection of the server can change the books and none needs to take a role first. Looked at before each
 * start, and made or put right where it does not get in: in a folder of before, in one that was restored.
 */
import { escapeIdentifier, escapeLiteral } from "pg";
import { type Database, openDatabase } from "./database.ts";
import { StoreError } from "./store-error.ts";
import { APPLICATION_ROLE } from "./connection/application-role.ts";

const SERVER_LOGIN = "remotegpu_server";

/** Two that make it at the same moment: one of them loses and looks again. */
const MAX_ATTEMPTS = 5;
const LOST_RACE = new Set(["23505", "42710", "XX000"]);
const INVALID_PASSWORD = "28P01";
const MAY_NOT_LOG_IN = "28000";

/** Answers the URL of that login; the owner's in a database that is not migrated, where nobody works yet. */
export async function admitServer(
  owner: Database,
  { ownerUrl, password }: { ownerUrl: string; password: string },
): Promise<string> {
  const { rowCount } = await owner.query("SELECT FROM pg_roles WHERE rolname = $1", [APPLICATION_ROLE]);
  if (rowCount === 0) return ownerUrl;
  const url = new URL(ownerUrl);
  url.username = SERVER_LOGIN;
  url.password = password;
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt += 1) {
    if (await getsIn(url.href)) return url.href;
    try {
      await makeLogin(owner, password);
    } catch (error) {
      if (!(error instanceof StoreError && LOST_RACE.has(error.code ?? ""))) throw error;
    }
  }
  throw new StoreError(`${SERVER_LOGIN} cannot log in to our Postgres, nor be put right`, undefined);
}

/** With this password, as a member. */
async function getsIn(url: string): Promise<boolean> {
  const login = openDatabase(url, { maxConnections: 1, runsAs: "owner" });
  try {
    const { rows } = await login.query<{ isMember: boolean }>(
      `SELECT pg_has_role('${APPLICATION_ROLE}', 'USAGE') AS "isMember"`,
    );
    return rows[0]?.isMember === true;
  } catch (error) {
    if (error instanceof StoreError && [INVALID_PASSWORD, MAY_NOT_LOG_IN].includes(error.code ?? ""))
      return false;
    throw error;
  } finally {
    await login.close();
  }
}

async function makeLogin(owner: Database, password: string): Promise<void> {
  const name = escapeIdentifier(SERVER_LOGIN);
  const { rowCount } = await owner.query("SELECT FROM pg_roles WHERE rolname = $1", [SERVER_LOGIN]);
  if (rowCount === 0) await owner.query(`CREATE ROLE ${name}`);
  await owner.query(`ALTER ROLE ${name} LOGIN INHERIT PASSWORD ${escapeLiteral(password)}`);
  await owner.query(`GRANT ${APPLICATION_ROLE} TO ${name}`);
}
