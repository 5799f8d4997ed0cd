/**
 * Makes the application's role and grants it what the control plane needs of every table, at the end of each
 * migration, so that tables which came since are covered; takes it back on the way down. Servers come by a login that
 * is a member of it. Where there is none, the owner becomes a member, so that servers may come as the owner and take the
 * role; an owner who may not bring that about gets a sentence about what to ask for, and everything works as the owner
 * until then.
 */
import type { Connection, Database, Transaction } from "./database.ts";
import { StoreError } from "./store-error.ts";
import { transaction } from "./transaction.ts";
import { APPEND_ONLY_TABLES } from "./connection/append-only.ts";
import { APPLICATION_ROLE } from "./connection/application-role.ts";

/** Two databases of a cluster that are migrated at the same moment: one of them loses and looks again. */
const MAX_ATTEMPTS = 5;
const LOST_RACE = new Set(["23505", "42710", "XX000"]);
const NOT_PERMITTED = "42501";

/** @param log told where the application goes on as the tables' owner, with what would change that */
export async function grantToApplication(database: Database, log: (line: string) => void): Promise<void> {
  const obstacle = await makeRole(database);
  if (await roleExists(database)) await transaction(database, grantTables);
  if (obstacle !== null && !(await hasLogins(database)))
    log(
      `the control plane goes on as the owner of its tables and could change its ledger: ${obstacle}. Let an ` +
        `administrator of Postgres run: CREATE ROLE ${APPLICATION_ROLE} NOLOGIN; GRANT ${APPLICATION_ROLE} TO ` +
        "the user of DATABASE_URL, best a login that owns nothing (the owner's goes into MIGRATION_DATABASE_URL); " +
        "then migrate again",
    );
}

/** Somebody can come in the role without being able to change the books. */
async function hasLogins(sql: Connection): Promise<boolean> {
  const { rowCount } = await sql.query(
    `SELECT FROM pg_auth_members m JOIN pg_roles member ON member.oid = m.member
      WHERE m.roleid = to_regrole($1) AND member.rolcanlogin AND member.rolname <> current_user`,
    [APPLICATION_ROLE],
  );
  return rowCount > 0;
}

/** Takes back what was granted in this database. The role stays: other databases may use it. */
export async function withdrawFromApplication(sql: Connection): Promise<void> {
  if (await roleExists(sql)) await sql.query(WITHDRAW);
}

/** Null once the user has the role; else why not. */
async function makeRole(database: Database): Promise<string | null> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      if (!(await roleExists(database))) await database.query(`CREATE ROLE ${APPLICATION_ROLE} NOLOGIN`);
      if (!(await mayTakeRole(database))) await database.query(`GRANT ${APPLICATION_ROLE} TO CURRENT_USER`);
      return null;
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      if (error.code === NOT_PERMITTED) return error.message;
      if (attempt === MAX_ATTEMPTS || !LOST_RACE.has(error.code ?? "")) throw error;
    }
  }
}

async function roleExists(sql: Connection): Promise<boolean> {
  const { rowCount } = await sql.query("SELECT FROM pg_roles WHERE rolname = $1", [APPLICATION_ROLE]);
  return rowCount > 0;
}

async function mayTakeRole(sql: Connection): Promise<boolean> {
  const { rows } = await sql.query<{ may: boolean }>(
    `SELECT CASE WHEN current_setting('server_version_num')::int >= 160000 THEN pg_has_role(oid, 'SET')
                 ELSE pg_has_role(oid, 'MEMBER') END AS may FROM pg_roles WHERE rolname = $1`,
    [APPLICATION_ROLE],
  );
  return rows[0]?.may === true;
}

/** Only what is missing is granted, so that a start which changes nothing writes nothing. */
async function grantTables(sql: Transaction): Promise<void> {
  // Two that grant on one table at once would fail; whoever migrates holds this lock.
  await sql.query("LOCK TABLE schema_migrations IN SHARE ROW EXCLUSIVE MODE");
  await sql.query(GRANT);
}

const OURS = `relnamespace = current_schema()::regnamespace AND pg_has_role(relowner, 'USAGE')`;
const IS_APPEND_ONLY = `relname IN (${APPEND_ONLY_TABLES.map((table) => `'${table}'`).join(", ")})`;

/** The role itself only reads what was applied: no schema is changed in it. */
const GRANT = `
  DO $$ DECLARE statement text; BEGIN
    FOR statement IN
      SELECT format('GRANT USAGE ON SCHEMA %I TO ${APPLICATION_ROLE}', current_schema())
       WHERE NOT has_schema_privilege('${APPLICATION_ROLE}', current_schema(), 'USAGE')
      UNION ALL
      SELECT format('GRANT %s ON TABLE %I TO ${APPLICATION_ROLE}', p.privilege, relname)
        FROM pg_class CROSS JOIN (VALUES ('SELECT'), ('INSERT'), ('UPDATE'), ('DELETE')) AS p (privilege)
       WHERE relkind IN ('r', 'p') AND ${OURS}
         AND CASE WHEN relname = 'schema_migrations' THEN p.privilege = 'SELECT'
                  WHEN ${IS_APPEND_ONLY} THEN p.privilege IN ('SELECT', 'INSERT') ELSE true END
         AND NOT has_table_privilege('${APPLICATION_ROLE}', oid, p.privilege)
      UNION ALL
      SELECT format('GRANT SELECT ON TABLE %I TO ${APPLICATION_ROLE}', relname) FROM pg_class
       WHERE relkind = 'v' AND ${OURS} AND NOT has_table_privilege('${APPLICATION_ROLE}', oid, 'SELECT')
      UNION ALL
      SELECT format('REVOKE UPDATE, DELETE, TRUNCATE ON TABLE %I FROM ${APPLICATION_ROLE}', relname)
        FROM pg_class
       WHERE relkind IN ('r', 'p') AND ${OURS} AND ${IS_APPEND_ONLY}
         AND has_table_privilege('${APPLICATION_ROLE}', oid, 'UPDATE, DELETE, TRUNCATE')
      UNION ALL
      SELECT format('GRANT USAGE, SELECT ON SEQUENCE %I TO ${APPLICATION_ROLE}', relname) FROM pg_class
       WHERE relkind = 'S' AND ${OURS} AND NOT (has_sequence_privilege('${APPLICATION_ROLE}', oid, 'USAGE')
         AND has_sequence_privilege('${APPLICATION_ROLE}', oid, 'SELECT'))
    LOOP EXECUTE statement; END LOOP;
  END $$`;

const WITHDRAW = `
  DO $$ DECLARE statement text; BEGIN
    FOR statement IN
      SELECT format('REVOKE ALL ON %s %I FROM ${APPLICATION_ROLE}', CASE relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, relname)
        FROM pg_class
       WHERE relkind IN ('r', 'p', 'v', 'S') AND ${OURS}
         AND EXISTS (SELECT FROM aclexplode(relacl) WHERE grantee = '${APPLICATION_ROLE}'::regrole)
      UNION ALL
      SELECT format('REVOKE ALL ON SCHEMA %I FROM ${APPLICATION_ROLE}', nspname) FROM pg_namespace
       WHERE oid = current_schema()::regnamespace
         AND EXISTS (SELECT FROM aclexplode(nspacl) WHERE grantee = '${APPLICATION_ROLE}'::regrole)
    LOOP EXECUTE statement; END LOOP;
  END $$`;
