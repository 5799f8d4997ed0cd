/**
 * Where the database holds what is sealed, table by table: which rows are not as they should be, and how one is put
 * right. The few that are plain are of an earlier version; all others come up when the key is rotated.
 */
import type { PasswordSeal, SealedRow } from "../../core/hosts/images/password-seal.ts";
import type { EnvVarSeal, SealedValue, StoredEnvVars } from "../../core/secrets/env-var-seal.ts";
import { SEALED_SECRET, type WebhookSeal } from "../../core/secrets/webhook-seal.ts";
import type { Transaction } from "../database/database.ts";
import { orderActorOfInstance } from "../workloads/kinds.ts";
import {
  knownStatus,
  safeBigint,
  SOUND_ENVIRONMENT,
  SOUND_PORTS,
  SOUND_SIZES,
} from "../database/values/old-values.ts";

export interface Seals {
  readonly envVars: EnvVarSeal;
  readonly passwords: PasswordSeal;
  readonly webhooks: WebhookSeal;
}

/** Behind which row of a table to go on: the table's key, in one text and, for those of two columns, a number. */
export interface Place {
  readonly id: string;
  readonly number: number;
}

interface HeldRow extends Place {
  readonly customer_id: number;
}

interface SealedTable<Row extends HeldRow> {
  readonly name: string;
  /** SQL: `id`, `number`, `customer_id` and what is sealed. */
  readonly columns: string;
  /** SQL: the table as `t`, with what its columns need beside it. */
  readonly from: string;
  /** SQL for the WHERE: what comes behind the place $1, $2. */
  readonly behind: string;
  /** SQL for the WHERE: one of the places of which $1 has the texts and $2 the numbers. */
  readonly among: string;
  /** SQL for the WHERE: something of it is plain. */
  readonly isPlain: string;
  /** SQL for the WHERE: something of it is under another key than $3. */
  readonly isUnderOther: string;
  readonly order: string;
  /** What it is to be; null where it cannot be opened. */
  resealed(row: Row, seals: Seals): unknown;
  /** Of rows that the transaction holds, each with what `resealed` made of it. */
  write(sql: Transaction, rows: readonly { row: Row; value: unknown }[], seals: Seals): Promise<void>;
}

/** With its row type closed in, so that tables of several kinds are one list. */
export interface ReadTable extends Omit<SealedTable<HeldRow>, "resealed" | "write"> {
  /** Answers which of these rows, as `columns` reads them, could not be opened. */
  reseal(sql: Transaction, rows: readonly Place[], seals: Seals): Promise<Place[]>;
}

const HAS_TEXT = (vars: string) => `${vars} @? '$.* ? (@.type() == "string")'`;
const HAS_OTHER_KEY = (vars: string) =>
  `jsonb_path_exists(${vars}, '$.*.key ? (@ != $key)', jsonb_build_object('key', $3::text))`;

const BY_ID = "t.id = ANY($1::text[]) AND $2::int[] IS NOT NULL";

interface VarsRow extends HeldRow {
  env_vars: StoredEnvVars;
}

/** The variables of workloads. */
function ofWorkloads(name: string, sound: string): ReadTable {
  return closedIn<VarsRow>({
    name,
    columns: `t.id, 0 AS number, ${safeBigint("t.customer_id")} AS customer_id, t.env_vars`,
    from: `${name} t`,
    behind: "t.id > $1 AND $2::int IS NOT NULL",
    among: BY_ID,
    isPlain: HAS_TEXT("t.env_vars"),
    isUnderOther: HAS_OTHER_KEY("t.env_vars"),
    order: "t.id",
    resealed: ({ env_vars: vars, customer_id: customerId }, { envVars }) =>
      resealedVars(vars, customerId, envVars),
    async write(sql, rows) {
      await sql.change(
        `UPDATE ${name} SET ${sound}, env_vars = n.vars
           FROM unnest($1::text[], $2::jsonb[]) AS n(sealed_id, vars) WHERE id = n.sealed_id`,
        [rows.map(({ row }) => row.id), rows.map(({ value }) => JSON.stringify(value))],
      );
    },
  });
}

const REVISIONS = closedIn<VarsRow>({
  name: "service_revisions",
  columns: `t.service_id AS id, t.number, ${safeBigint("s.customer_id")} AS customer_id, t.env_vars`,
  from: "service_revisions t JOIN inference_services s ON s.id = t.service_id",
  behind: "(t.service_id, t.number) > ($1, $2)",
  among: "(t.service_id, t.number) IN (SELECT * FROM unnest($1::text[], $2::int[]))",
  isPlain: HAS_TEXT("t.env_vars"),
  isUnderOther: HAS_OTHER_KEY("t.env_vars"),
  order: "t.service_id, t.number",
  resealed: ({ env_vars: vars, customer_id: customerId }, { envVars }) =>
    resealedVars(vars, customerId, envVars),
  async write(sql, rows) {
    await sql.change(
      `UPDATE service_revisions t SET env_vars = n.vars FROM unnest($1::text[], $2::int[], $3::jsonb[]) AS n(id, number, vars)
        WHERE t.service_id = n.id AND t.number = n.number`,
      [
        rows.map(({ row }) => row.id),
        rows.map(({ row }) => row.number),
        rows.map(({ value }) => JSON.stringify(value)),
      ],
    );
  },
});

interface PlacedRow extends HeldRow {
  env: StoredEnvVars;
  env_is_sealed: boolean;
}

/** Queries ask for it by its text; it is a number of ours. */
const READ_BY_QUERIES = "REMOTEGPU_ATTEMPT";

/**
 * What hosts are told. The specs of before do not tell a customer's variables from ours, so all are sealed. The hash of a
 * spec stays where a container may bear it; of one that is gone it becomes that of the sealed text, since a plain hash
 * lets guesses at a short value be tried.
 */
const PLACEMENTS = closedIn<PlacedRow>({
  name: "placements",
  columns: `t.instance_id AS id, t.epoch AS number, t.spec -> 'env' AS env, t.env_is_sealed,
    ${orderActorOfInstance("i")} AS customer_id`,
  from: "placements t JOIN instances i ON i.id = t.instance_id",
  behind: "(t.instance_id, t.epoch) > ($1, $2)",
  among: "(t.instance_id, t.epoch) IN (SELECT * FROM unnest($1::text[], $2::int[]))",
  isPlain: "NOT t.env_is_sealed",
  isUnderOther: HAS_OTHER_KEY("(t.spec -> 'env')"),
  order: "t.instance_id, t.epoch",
  resealed({ env, env_is_sealed: isSealed, customer_id: customerId }, { envVars }) {
    const stays = Object.entries(env ?? {}).filter(
      ([name, value]) =>
        typeof value === "string" && (isSealed || (name === READ_BY_QUERIES && /^\d{1,9}$/.test(value))),
    );
    const names = new Set(stays.map(([name]) => name));
    const others = Object.fromEntries(Object.entries(env ?? {}).filter(([name]) => !names.has(name)));
    const sealed = resealedVars(others, customerId, envVars);
    return sealed && { ...Object.fromEntries(stays), ...sealed };
  },
  async write(sql, rows) {
    await sql.change(
      `UPDATE placements t
          SET env_is_sealed = true, spec = CASE WHEN t.spec ? 'env' THEN jsonb_set(t.spec, '{env}', n.env) ELSE t.spec END,
              spec_hash = CASE WHEN t.gone_at IS NULL THEN t.spec_hash
                ELSE encode(sha256(convert_to(jsonb_set(t.spec, '{env}', n.env)::text, 'UTF8')), 'hex') END
         FROM unnest($1::text[], $2::int[], $3::jsonb[]) AS n(id, number, env)
        WHERE t.instance_id = n.id AND t.epoch = n.number`,
      [
        rows.map(({ row }) => row.id),
        rows.map(({ row }) => row.number),
        rows.map(({ value }) => JSON.stringify(value)),
      ],
    );
  },
});

interface WebhookRow extends HeldRow {
  webhook_id: number;
  secret: string;
}

const WEBHOOKS = closedIn<WebhookRow>({
  name: "webhooks",
  columns: "lpad(t.id::text, 20, '0') AS id, 0 AS number, t.id AS webhook_id, t.customer_id, t.secret",
  from: "webhooks t",
  behind: "lpad(t.id::text, 20, '0') > $1 AND $2::int IS NOT NULL",
  among: "t.id = ANY($1::text[]::bigint[]) AND $2::int[] IS NOT NULL",
  isPlain: `t.secret NOT LIKE '${SEALED_SECRET}%'`,
  isUnderOther: `t.secret LIKE '${SEALED_SECRET}%' AND t.secret NOT LIKE '${SEALED_SECRET}' || $3::text || ':%'`,
  order: "lpad(t.id::text, 20, '0')",
  resealed({ secret, customer_id: customerId }, { webhooks }) {
    const plain = webhooks.open(secret, { customerId });
    return plain === null ? null : webhooks.seal(plain, { customerId });
  },
  async write(sql, rows) {
    await sql.change(
      `UPDATE webhooks t SET secret = n.secret FROM unnest($1::bigint[], $2::text[]) AS n(id, secret) WHERE t.id = n.id`,
      [rows.map(({ row }) => row.webhook_id), rows.map(({ value }) => value)],
    );
  },
});

interface CredentialRow extends HeldRow {
  credential: SealedRow;
  sealed_password: Uint8Array;
}

/** Those under no key are done with: they are given anew. */
const CREDENTIALS = closedIn<CredentialRow>({
  name: "registry_credentials",
  columns: `t.id, 0 AS number, t.customer_id, t.sealed_password, jsonb_build_object('id', t.id, 'customerId', t.customer_id,
    'workspaceId', t.workspace_id, 'registry', t.registry, 'username', t.username) AS credential`,
  from: "registry_credentials t",
  behind: "t.id > $1 AND $2::int IS NOT NULL",
  among: BY_ID,
  isPlain: "false",
  isUnderOther: "t.sealed_by <> '' AND t.sealed_by <> $3::text",
  order: "t.id",
  resealed({ sealed_password: sealed, credential }, { passwords }) {
    const password = passwords.open(sealed, credential);
    return password === null ? null : passwords.seal(password, credential);
  },
  async write(sql, rows, { passwords }) {
    await sql.change(
      `UPDATE registry_credentials t SET sealed_password = n.sealed, sealed_by = $3
         FROM unnest($1::text[], $2::bytea[]) AS n(id, sealed) WHERE t.id = n.id`,
      [rows.map(({ row }) => row.id), rows.map(({ value }) => value), passwords.sealedBy],
    );
  },
});

export const SEALED_TABLES: readonly ReadTable[] = [
  ofWorkloads(
    "environments",
    `${SOUND_ENVIRONMENT}, ${SOUND_PORTS}, status = ${knownStatus("environment", "environments")}`,
  ),
  ofWorkloads("training_jobs", SOUND_SIZES),
  ofWorkloads("inference_services", SOUND_SIZES),
  REVISIONS,
  PLACEMENTS,
  WEBHOOKS,
  CREDENTIALS,
];

function resealedVars(
  vars: StoredEnvVars,
  customerId: number,
  seal: EnvVarSeal,
): Record<string, SealedValue> | null {
  const plain = seal.open(vars, { customerId });
  return plain && seal.seal(plain, { customerId });
}

function closedIn<Row extends HeldRow>(table: SealedTable<Row>): ReadTable {
  return {
    ...table,
    async reseal(sql, places, seals) {
      // They are what `rows` of this very table read.
      const rows = places as readonly Row[];
      const made = rows.map((row) => ({ row, value: table.resealed(row, seals) }));
      const opened = made.filter(({ value }) => value !== null);
      if (opened.length > 0) await table.write(sql, opened, seals);
      return made.filter(({ value }) => value === null).map(({ row }) => row);
    },
  };
}
