/**
 * Brings dumped rows into an empty database, in one transaction: the schema of their version, the rows, the sequences, and
 * what marks the database as restored. Foreign keys and CHECKs that old rows may break are dropped meanwhile and made again
 * behind the rows, and triggers are off, all of which the owner of the tables may do (`session_replication_role` is for
 * superusers). So references are verified once more, and whatever fails leaves the database empty.
 */
import type { Readable } from "node:stream";
import { escapeIdentifier, escapeLiteral } from "pg";
import type { Connection, Database, Transaction } from "../database/database.ts";
import { transaction } from "../database/transaction.ts";
import { buildSchema, type Migration } from "../migrate.ts";
import { readable } from "../schema-snapshot.ts";
import { COPY_SETTINGS } from "./copy-settings.ts";
import type { DumpedSequence, DumpedTable } from "./dump-session.ts";
import { assertEmpty } from "./empty-database.ts";
import { markRestored } from "./restored-incarnation.ts";

const RESTORE_TIMEOUT_MS = 24 * 3_600_000;

export interface DumpedRows {
  migrations: readonly Migration[];
  tables: readonly DumpedTable[];
  sequences: readonly DumpedSequence[];
  /** Lines of COPY's text format. */
  open(table: DumpedTable): Readable;
}

export interface RestoredRows {
  dbIncarnation: number;
  /** Tables of the dump that are not of this schema; their rows stay in the backup. */
  unknownTables: string[];
}

/**
 * @param owner acts as the owner of the tables
 * @throws NotEmptyError, MigrationError, StoreError; nothing was changed then
 */
export async function restoreTables(owner: Database, dump: DumpedRows, now: Date): Promise<RestoredRows> {
  return await transaction(
    owner,
    async (sql) => {
      await assertEmpty(sql);
      await buildSchema(sql, dump.migrations);
      const present = await tableNames(sql);
      const [known, unknown] = [
        dump.tables.filter(({ name }) => present.has(name)),
        dump.tables.filter(({ name }) => !present.has(name)),
      ];
      await copyRows(sql, { ...dump, tables: known }, [...present]);
      for (const sequence of dump.sequences)
        if (present.has(sequence.table)) await setSequence(sql, sequence);
      return { dbIncarnation: await markRestored(sql, now), unknownTables: unknown.map(({ name }) => name) };
    },
    { statementTimeoutMs: RESTORE_TIMEOUT_MS },
  );
}

async function tableNames(sql: Connection): Promise<Set<string>> {
  const { rows } = await sql.query<{ name: string }>(
    "SELECT relname AS name FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'",
  );
  return new Set(rows.map(({ name }) => name));
}

/** The migrations' own first rows make room, since the dump has them as they became. */
async function copyRows(sql: Transaction, dump: DumpedRows, present: readonly string[]): Promise<void> {
  const names = present.map(escapeIdentifier);
  const constraints = await looseConstraints(sql);
  await sql.query(COPY_SETTINGS);
  for (const { table, name } of constraints) await sql.query(`ALTER TABLE ${table} DROP CONSTRAINT ${name}`);
  for (const name of names) await sql.query(`ALTER TABLE ${name} DISABLE TRIGGER USER`);
  await sql.query(`TRUNCATE ${names.join(", ")}`);
  for (const table of dump.tables) {
    const columns = table.columns.map(escapeIdentifier).join(", ");
    await sql.copyFrom(`COPY ${escapeIdentifier(table.name)} (${columns}) FROM STDIN`, dump.open(table));
  }
  for (const { table, name, definition } of constraints)
    await sql.query(`ALTER TABLE ${table} ADD CONSTRAINT ${name} ${definition}`);
  for (const name of names) await sql.query(`ALTER TABLE ${name} ENABLE TRIGGER USER`);
}

interface LooseConstraint {
  table: string;
  name: string;
  definition: string;
}

/** Those that rows cannot keep while they come table by table, or that rows of before never had to keep. */
async function looseConstraints(sql: Connection): Promise<LooseConstraint[]> {
  const { rows } = await sql.query<LooseConstraint & { table: string }>(
    `SELECT format('%I', c.relname) AS "table", format('%I', k.conname) AS name,
            pg_get_constraintdef(k.oid) AS definition
       FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
      WHERE c.relnamespace = current_schema()::regnamespace
        AND (k.contype = 'f' OR (k.contype = 'c' AND NOT k.convalidated))
      ORDER BY c.relname COLLATE "C", k.conname COLLATE "C"`,
  );
  return rows.map((row) => ({ ...row, definition: readable(row.definition) }));
}

async function setSequence(
  sql: Transaction,
  { table, column, lastValue, isCalled }: DumpedSequence,
): Promise<void> {
  await sql.query(
    `SELECT setval(pg_get_serial_sequence(${escapeLiteral(escapeIdentifier(table))}, ${escapeLiteral(column)}),
                   ${BigInt(lastValue)}, ${isCalled})`,
  );
}
