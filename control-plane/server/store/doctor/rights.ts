/**
 * May the control plane itself change what is append-only? Asked as it works, in the role of its own transactions, and
 * told where it comes with rights that it then lays down.
 */
import { APPEND_ONLY_TABLES } from "../database/connection/append-only.ts";
import { APPLICATION_ROLE } from "../database/connection/application-role.ts";
import type { Connection, Database } from "../database/database.ts";
import { findRows, type Found, type Question } from "./question.ts";

export const RIGHTS_QUESTIONS: readonly Question[] = [
  {
    check: "books-cannot-be-changed",
    claim: "The control plane has no right to change or remove rows of the books or of the audit log.",
    request: rightsTooMany,
  },
];

const HOW_TO_COME = `Best is a login that is a member of ${APPLICATION_ROLE} and owns nothing in DATABASE_URL, with the owner's in MIGRATION_DATABASE_URL, for migrate alone.`;

async function rightsTooMany(sql: Connection, _now: Date, { role }: Database): Promise<Found> {
  const { rows } = await sql.query<{ user: string }>("SELECT session_user::text AS user");
  const user = rows[0]?.user ?? "unknown";
  const notes = [
    ...(role.footing === "in-role"
      ? [
          `The user ${user} could change the books, and takes the role ${APPLICATION_ROLE} in each transaction and for each single statement.`,
          HOW_TO_COME,
        ]
      : []),
    ...(role.isPooled ? ["A pooler stands before Postgres; nothing is kept in its sessions."] : []),
  ];
  return { ...(await changeableTables(sql)), ...(notes.length > 0 && { notes }) };
}

async function changeableTables(sql: Connection): Promise<Found> {
  return await findRows<{ relname: string; role: string; rights: string }>(
    sql,
    `SELECT c.relname, current_user::text AS role, string_agg(p.privilege, ', ') AS rights
       FROM pg_class c CROSS JOIN (VALUES ('UPDATE'), ('DELETE'), ('TRUNCATE')) AS p (privilege)
      WHERE c.relnamespace = current_schema()::regnamespace AND c.relname = ANY($1::text[])
        AND (has_table_privilege(c.oid, p.privilege)
          OR p.privilege = 'UPDATE' AND has_any_column_privilege(c.oid, 'UPDATE'))
      GROUP BY c.relname`,
    ({ relname, role, rights }) => ({
      finding: "books-can-be-changed",
      subject: { table: relname, role },
      sentence: `It has ${rights} there, and only triggers stand in the way. Run migrate as the tables' owner: it says what keeps the role ${APPLICATION_ROLE} from being used. ${HOW_TO_COME}`,
    }),
    [APPEND_ONLY_TABLES],
  );
}
