/** What the schema itself guarantees, whatever the code above it does. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ENVIRONMENT_STATUSES, HOST_CONNECTIONS, INSTANCE_STATES } from "@remotegpu/shared/values/workload";
import type { Connection } from "@remotegpu/control-plane/server/store/database/database";
import { StoreError } from "@remotegpu/control-plane/server/store/database/store-error";
import { transaction } from "@remotegpu/control-plane/server/store/database/transaction";
import { freshDatabase, type FreshDatabase } from "../../support/engines/postgres.ts";

let fresh: FreshDatabase;
beforeAll(async () => {
  fresh = await freshDatabase();
  await fresh.database.query(`
    INSERT INTO customers (id, username, email, password_hash) VALUES (1, 'ada', 'ada@example.org', '!');
    INSERT INTO hosts (id, name, ip_address) VALUES ('host-1', 'one', '10.0.0.1'), ('host-2', 'two', '10.0.0.2');
    INSERT INTO gpus (host_id, gpu_index, uuid) VALUES ('host-1', 0, 'GPU-0'), ('host-1', 1, 'GPU-1')`);
});
afterAll(() => fresh.drop());

const CUT_SHORT = new Error("rolled back");

/** Runs against the database and takes everything back. */
async function trying(work: (sql: Connection) => Promise<void>): Promise<void> {
  const ran = transaction(fresh.database, async (sql) => {
    await work(sql);
    throw CUT_SHORT;
  });
  await expect(ran).rejects.toBe(CUT_SHORT);
}

/** The name of the constraint, index or (for a trigger) the sentence that refused it; null when it was accepted. */
async function refusal(sql: string, values: unknown[] = []): Promise<string | null> {
  let refused: string | null = null;
  const ran = transaction(fresh.database, async (connection) => {
    await connection.query(sql, values.length > 0 ? values : undefined).catch((error: unknown) => {
      if (!(error instanceof StoreError)) throw error;
      refused = error.constraint ?? error.message;
    });
    throw CUT_SHORT;
  });
  await expect(ran).rejects.toBe(CUT_SHORT);
  return refused;
}

describe("the change summary, to the letter", () => {
  const COLUMNS: Record<string, Record<string, string>> = {
    environments: {
      gpu_memory: "bigint",
      temp_storage: "bigint",
      ssh_enabled: "boolean true",
      rdp_enabled: "boolean false",
      jupyter_token: "character varying(128)",
      jupyter_enabled: "boolean true",
      tensorboard_port: "integer",
      tensorboard_enabled: "boolean false",
      web_terminal_enabled: "boolean true",
      mounted_datasets: "jsonb",
      mounted_models: "jsonb",
      env_vars: "jsonb",
      config: "jsonb",
      deleted_at: "timestamp with time zone",
    },
    port_mappings: { last_accessed_at: "timestamp with time zone", auto_release_hours: "integer 48" },
    training_jobs: {
      image: "character varying(256) NOT NULL",
      mounted_datasets: "jsonb",
      mounted_models: "jsonb",
      command: "text NOT NULL",
      env_vars: "jsonb",
      output_path: "character varying(512) '/gemini/output/'",
      node_count: "integer 1",
      distributed_config: "jsonb",
      gpu_memory: "bigint",
      deleted_at: "timestamp with time zone",
    },
    inference_services: {
      image: "character varying(256) NOT NULL",
      min_replicas: "integer 1",
      max_replicas: "integer 10",
      autoscaling_enabled: "boolean false",
      autoscaling_config: "jsonb",
      version: "character varying(64)",
      previous_version: "character varying(64)",
      health_check_path: "character varying(256)",
      health_check_interval: "integer 30",
      env_vars: "jsonb",
      gpu_memory: "bigint",
      deleted_at: "timestamp with time zone",
    },
    billing_records: {
      workspace_id: "bigint",
      resource_id: "character varying(64)",
      resource_name: "character varying(256)",
      billing_unit: "character varying(20) 'minute'",
      billing_minutes: "integer",
    },
    customers: {
      balance: "numeric(20,4) NOT NULL 0.00",
      currency: "character varying(10) NOT NULL 'CNY'",
      overdue_status: "character varying(20) NOT NULL 'normal'",
      overdue_since: "timestamp with time zone",
      last_payment_at: "timestamp with time zone",
    },
  };
  const INDEXES = [
    "environments_deleted_at",
    "environments_mounted_datasets gin",
    "environments_mounted_models gin",
    "environments_env_vars gin",
    "environments_config gin",
    "training_jobs_deleted_at",
    "training_jobs_mounted_datasets gin",
    "training_jobs_mounted_models gin",
    "training_jobs_env_vars gin",
    "training_jobs_distributed_config gin",
    "inference_services_deleted_at",
    "inference_services_autoscaling_config gin",
    "inference_services_env_vars gin",
    "billing_records_workspace",
    "billing_records_resource",
    "customers_overdue_status",
  ];

  test("it names 48 columns", () => {
    expect(Object.values(COLUMNS).flatMap((columns) => Object.keys(columns))).toHaveLength(48);
  });

  test.each(Object.entries(COLUMNS))("%s has its new columns", async (table, wanted) => {
    const { rows } = await fresh.database.query<{ name: string; type: string }>(
      `SELECT a.attname AS name, concat_ws(' ', format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 'NOT NULL' END,
          regexp_replace(pg_get_expr(d.adbin, d.adrelid), '::character varying$', '')) AS type
       FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
       WHERE a.attrelid = $1::regclass AND a.attname = ANY ($2)`,
      [table, Object.keys(wanted)],
    );

    expect(Object.fromEntries(rows.map(({ name, type }) => [name, type]))).toEqual(wanted);
  });

  test("it has its new indexes, and what it drops is gone", async () => {
    const { rows } = await fresh.database.query<{ name: string }>(
      `SELECT substr(c.relname, 5) || CASE am.amname WHEN 'btree' THEN '' ELSE ' ' || am.amname END AS name
       FROM pg_class c JOIN pg_am am ON am.oid = c.relam WHERE c.relkind = 'i' AND c.relname LIKE 'idx%'`,
    );
    const gone = await fresh.database.query(
      `SELECT FROM information_schema.columns WHERE table_schema = 'public' AND (table_name, column_name) IN
         (('training_jobs', 'dataset_id'), ('training_jobs', 'model_id'), ('training_jobs', 'script_path'), ('billing_records', 'env_id'))`,
    );

    expect(rows.map(({ name }) => name)).toEqual(expect.arrayContaining(INDEXES));
    expect(rows.map(({ name }) => name)).not.toContain("billing_records_env");
    expect(gone.rowCount).toBe(0);
  });
});

test("every foreign key has an index that begins with its columns", async () => {
  const { rows } = await fresh.database.query(
    `SELECT k.conrelid::regclass AS table, k.conname FROM pg_constraint k
     WHERE k.contype = 'f' AND NOT EXISTS (
       SELECT FROM pg_index i WHERE i.indrelid = k.conrelid AND i.indpred IS NULL
         AND (i.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey)`,
  );

  expect(rows).toEqual([]);
});

test("no column keeps a time without its zone or money as a float", async () => {
  const { rows } = await fresh.database.query(
    `SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'
       AND data_type IN ('timestamp without time zone', 'real', 'double precision', 'money')`,
  );

  expect(rows).toEqual([]);
});

test("updated_at moves with every change, on every table that has it", async () => {
  const { rows } = await fresh.database.query(
    `SELECT table_name FROM information_schema.columns c JOIN information_schema.tables USING (table_schema, table_name)
      WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND column_name = 'updated_at'
       AND NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = c.table_name::regclass AND tgname = 'set_updated_at')`,
  );
  expect(rows).toEqual([]);

  const before = await fresh.database.query("SELECT updated_at FROM hosts WHERE id = 'host-2'");
  await fresh.database.query("UPDATE hosts SET hostname = 'elsewhere' WHERE id = 'host-2'");
  const after = await fresh.database.query("SELECT updated_at FROM hosts WHERE id = 'host-2'");
  expect(after.rows[0]?.["updated_at"].getTime()).toBeGreaterThan(before.rows[0]?.["updated_at"].getTime());
});

const ENVIRONMENT =
  "INSERT INTO environments (id, customer_id, name, image, cpu, memory, status) VALUES ('env-1', 1, 'e', 'i', 1, 1, 'queued');";
const JOB =
  "INSERT INTO training_jobs (id, customer_id, name, image, command) VALUES ('job-1', 1, 'j', 'i', 'true');";
const SERVICE =
  "INSERT INTO inference_services (id, customer_id, name, image) VALUES ('svc-1', 1, 's', 'i');";

describe("statuses", () => {
  test.each([
    ["environments", ENVIRONMENT, [...ENVIRONMENT_STATUSES]],
    ["training_jobs", JOB, ["pending", "queued", "running", "stopping", "completed", "failed", "cancelled"]],
    ["inference_services", SERVICE, ["creating", "running", "stopping", "stopped", "error"]],
  ])("%s take theirs and no other", async (table, insert, statuses) => {
    for (const status of statuses)
      expect(await refusal(`${insert} UPDATE ${table} SET status = '${status}'`)).toBe(null);
    expect(await refusal(`${insert} UPDATE ${table} SET status = 'lost'`)).toBe(`${table}_status_check`);
    expect(await refusal(`${insert} UPDATE ${table} SET status = NULL`)).toBe(`${table}_status_check`);
  });

  test("hosts and instances take those of the contract", async () => {
    for (const connection of HOST_CONNECTIONS)
      expect(await refusal(`UPDATE hosts SET connection = '${connection}'`)).toBe(null);
    expect(await refusal("UPDATE hosts SET connection = 'online'")).toBe("hosts_connection_check");
    for (const state of INSTANCE_STATES) expect(await refusal(instance("ins-1", state))).toBe(null);
    expect(await refusal(instance("ins-1", "running"))).toBe("instances_state_check");
  });
});

describe("mounts", () => {
  const dataset = (id: unknown, path: unknown, readonly: unknown = true) => ({ id, path, readonly });
  const three = [dataset(1, "/gemini/data-1"), dataset(2, "/gemini/data-2"), dataset(3, "/gemini/data-3")];

  test.each<[string, unknown, "accepted" | "refused"]>([
    ["none", null, "accepted"],
    ["an empty list", [], "accepted"],
    ["one", three.slice(0, 1), "accepted"],
    ["three", three, "accepted"],
    ["four", [...three, dataset(4, "/gemini/data-1")], "refused"],
    ["one id twice", [dataset(1, "/gemini/data-1"), dataset(1, "/gemini/data-2")], "refused"],
    ["one path twice", [dataset(1, "/gemini/data-1"), dataset(2, "/gemini/data-1")], "refused"],
    ["a model's path", [dataset(1, "/gemini/pretrain1")], "refused"],
    ["a fourth path", [dataset(1, "/gemini/data-4")], "refused"],
    ["a path below", [dataset(1, "/gemini/data-1/x")], "refused"],
    ["a path with a line end", [dataset(1, "/gemini/data-1\n")], "refused"],
    ["a writable one", [dataset(1, "/gemini/data-1", false)], "refused"],
    ["readonly as text", [dataset(1, "/gemini/data-1", "true")], "refused"],
    ["readonly left out", [{ id: 1, path: "/gemini/data-1" }], "refused"],
    ["id 0", [dataset(0, "/gemini/data-1")], "refused"],
    ["a broken id", [dataset(1.5, "/gemini/data-1")], "refused"],
    ["an id as text", [dataset("1", "/gemini/data-1")], "refused"],
    ["an id null", [dataset(null, "/gemini/data-1")], "refused"],
    ["one more field", [{ ...dataset(1, "/gemini/data-1"), mode: "rw" }], "refused"],
    ["a bare id", [1], "refused"],
    ["null inside", [null], "refused"],
    ["an object", { id: 1 }, "refused"],
    ["a text", "1", "refused"],
  ])("datasets of an environment: %s", async (_, mounts, expected) => {
    await expect(mountsRefusal("mounted_datasets", mounts)).resolves.toBe(
      expected === "accepted" ? null : "environments_mounted_datasets_check",
    );
  });

  test("models of an environment have paths of their own", async () => {
    expect(await mountsRefusal("mounted_models", [dataset(1, "/gemini/pretrain3")])).toBe(null);
    expect(await mountsRefusal("mounted_models", [dataset(1, "/gemini/data-1")])).toBe(
      "environments_mounted_models_check",
    );
  });

  test.each<[unknown, "accepted" | "refused"]>([
    [null, "accepted"],
    [[], "accepted"],
    [[1, 2, 3], "accepted"],
    // What the old system wrote for an id that points nowhere.
    [[0], "accepted"],
    [[1, 2, 3, 4], "refused"],
    [[1, 1], "refused"],
    [[-1], "refused"],
    [[1.5], "refused"],
    [["1"], "refused"],
    [[null], "refused"],
    [{ id: 1 }, "refused"],
  ])("datasets and models of a job: %j", async (ids, expected) => {
    for (const column of ["mounted_datasets", "mounted_models"]) {
      const values = ids === null ? null : JSON.stringify(ids);
      expect(
        await refusal(
          `INSERT INTO training_jobs (id, customer_id, name, image, command, ${column}) VALUES ('job-1', 1, 'j', 'i', 'true', $1)`,
          [values],
        ),
      ).toBe(expected === "accepted" ? null : `training_jobs_${column}_check`);
    }
  });

  async function mountsRefusal(column: string, mounts: unknown): Promise<string | null> {
    return await refusal(
      `INSERT INTO environments (id, customer_id, name, image, cpu, memory, ${column}) VALUES ('env-1', 1, 'e', 'i', 1, 1, $1)`,
      [mounts === null ? null : JSON.stringify(mounts)],
    );
  }
});

test.each([
  [`${ENVIRONMENT} UPDATE environments SET cpu = 0`, "environments_size_check"],
  [`${ENVIRONMENT} UPDATE environments SET gpu = -1`, "environments_size_check"],
  [`${ENVIRONMENT} UPDATE environments SET temp_storage = -1`, "environments_new_size_check"],
  [`${ENVIRONMENT} UPDATE environments SET ssh_port = 65536`, "environments_port_check"],
  [`${ENVIRONMENT} UPDATE environments SET tensorboard_port = 0`, "environments_tensorboard_port_check"],
  [`${ENVIRONMENT} UPDATE environments SET env_vars = '{"1X": "a"}'`, "environments_env_vars_check"],
  [`${ENVIRONMENT} UPDATE environments SET env_vars = '{"X": 1}'`, "environments_env_vars_check"],
  [`${ENVIRONMENT} UPDATE environments SET env_vars = '{"X": "a\\nb"}'`, null],
  [`${ENVIRONMENT} UPDATE environments SET host_id = 'nowhere'`, "environments_host_id_fkey"],
  [`${JOB} UPDATE training_jobs SET node_count = 0`, "training_jobs_new_size_check"],
  [`${SERVICE} UPDATE inference_services SET replicas = 0`, null],
  [`${SERVICE} UPDATE inference_services SET replicas = 10`, null],
  [`${SERVICE} UPDATE inference_services SET replicas = 11`, "inference_services_replicas_check"],
  [
    `${SERVICE} UPDATE inference_services SET min_replicas = 2, replicas = 1`,
    "inference_services_replicas_check",
  ],
  [`${SERVICE} UPDATE inference_services SET min_replicas = 11`, "inference_services_replicas_check"],
  [`${SERVICE} UPDATE inference_services SET min_replicas = 0`, null],
  ["UPDATE customers SET overdue_status = 'late'", "customers_overdue_status_check"],
  ["UPDATE customers SET balance = 1234567890123456.7891", null],
])("a range holds: %s", async (sql, expected) => {
  expect(await refusal(sql)).toBe(expected);
});

test("a released port can be leased again, a live one cannot, and hosts have their own", async () => {
  const lease = (host: string, port: number) =>
    `INSERT INTO port_mappings (env_id, service_type, external_port, internal_port, host_id) VALUES ('env-1', 'ssh', ${port}, 22, '${host}');`;
  const held = `${ENVIRONMENT} ${lease("host-1", 20_000)}`;

  expect(await refusal(held + lease("host-1", 20_000))).toBe("idx_port_mappings_host_external_port");
  expect(await refusal(held + lease("host-2", 20_000))).toBe(null);
  expect(
    await refusal(
      `${held} UPDATE port_mappings SET status = 'released', released_at = now(); ${lease("host-1", 20_000)}`,
    ),
  ).toBe(null);
});

function instance(id: string, state = "placed"): string {
  return `INSERT INTO instances (id, workload_kind, workload_id, state) VALUES ('${id}', 'environment', 'env-${id}', '${state}');`;
}

function placement(instanceId: string, epoch: number): string {
  return `INSERT INTO placements (instance_id, epoch, host_id, spec, spec_hash, cpu_milli, memory_bytes)
    VALUES ('${instanceId}', ${epoch}, 'host-1', '{}', 'h', 1000, 1);`;
}

describe("placements", () => {
  const placed = instance("ins-1") + placement("ins-1", 1);

  test("an instance has one live placement", async () => {
    expect(await refusal(placed + placement("ins-1", 2))).toBe("placements_one_live_per_instance");
    expect(
      await refusal(
        `${placed} UPDATE placements SET resources_released_at = now(); ${placement("ins-1", 2)}`,
      ),
    ).toBe(null);
  });

  test("a stop names who ordered it, and nothing is gone that still holds resources", async () => {
    expect(await refusal(`${placed} UPDATE placements SET want = 'stopped'`)).toBe(
      "placements_ordered_by_needed",
    );
    expect(await refusal(`${placed} UPDATE placements SET gone_at = now()`)).toBe(
      "placements_gone_after_release",
    );
  });
});

describe("cards", () => {
  const two = instance("ins-1") + placement("ins-1", 1) + instance("ins-2") + placement("ins-2", 1);
  const shared = "UPDATE gpus SET sharing_mode = 'shared' WHERE uuid = 'GPU-0';";
  const exclusive = "UPDATE gpus SET sharing_mode = 'exclusive' WHERE uuid = 'GPU-0';";
  const whole = (id: string) =>
    `INSERT INTO gpu_allocations (gpu_uuid, mode, instance_id, epoch) VALUES ('GPU-0', 'exclusive', '${id}', 1);`;
  const slice = (id: string, slot: number) =>
    `INSERT INTO gpu_allocations (gpu_uuid, mode, slot, memory_mib, instance_id, epoch) VALUES ('GPU-0', 'shared', ${slot}, 1024, '${id}', 1);`;
  const release = "UPDATE gpu_allocations SET mode = NULL, released_at = now();";

  test.each([
    [
      "a whole card has one holder",
      two + exclusive + whole("ins-1") + whole("ins-2"),
      "gpu_allocations_one_exclusive",
    ],
    ["slices share a card", two + shared + slice("ins-1", 0) + slice("ins-2", 1), null],
    [
      "a slot has one holder",
      two + shared + slice("ins-1", 0) + slice("ins-2", 0),
      "gpu_allocations_one_per_slot",
    ],
    [
      "no slice of a card held whole",
      two + exclusive + whole("ins-1") + slice("ins-2", 1),
      "gpu_allocations_mode_fkey",
    ],
    [
      "no whole card with a slice cut off",
      two + shared + slice("ins-1", 0) + whole("ins-2"),
      "gpu_allocations_mode_fkey",
    ],
    [
      "the mode stays while a slice is held",
      two + shared + slice("ins-1", 0) + exclusive,
      "gpu_allocations_mode_fkey",
    ],
    ["an idle card has no mode to allocate by", two + whole("ins-1"), "gpu_allocations_mode_fkey"],
    [
      "a released card changes its mode",
      two + shared + slice("ins-1", 0) + release + exclusive + whole("ins-2"),
      null,
    ],
    [
      "a live allocation has a mode",
      `${two + exclusive + whole("ins-1")} UPDATE gpu_allocations SET mode = NULL`,
      "gpu_allocations_live_has_mode",
    ],
  ])("%s", async (_, sql, expected) => {
    expect(await refusal(sql)).toBe(expected);
  });

  const HOST_IMAGES = "INSERT INTO host_images (host_id, images) VALUES ('host-1', $1::text[])";
  test.each<[string, string, unknown[], string | null]>([
    ["200 images", HOST_IMAGES, [Array.from({ length: 200 }, (_, at) => `x:${at}`)], null],
    [
      "201 images",
      HOST_IMAGES,
      [Array.from({ length: 201 }, (_, at) => `x:${at}`)],
      "host_images_images_check",
    ],
    [
      "a name of 257 characters",
      HOST_IMAGES,
      [["x".repeat(257)]],
      "value too long for type character varying(256)",
    ],
  ])("what a host reports for placement is bounded: %s", async (_which, sql, values, expected) => {
    expect(await refusal(sql, values)).toBe(expected);
  });

  test("cards change places in one statement when a boot numbers them anew", async () => {
    expect(await refusal("UPDATE gpus SET gpu_index = 1 - gpu_index WHERE host_id = 'host-1'")).toBe(null);
    expect(await refusal("UPDATE gpus SET gpu_index = 0 WHERE host_id = 'host-1'")).toBe(
      "gpus_host_id_gpu_index_key",
    );
  });
});

describe("money", () => {
  const posting = (...entries: string[]) => `
    INSERT INTO ledger_transactions (id, source_kind, source_id) VALUES (7001, 'topup', 'test-1');
    INSERT INTO ledger_entries (transaction_id, account, customer_id, amount) VALUES ${entries.join(", ")};`;
  const balanced = posting("(7001, 'customer', 1, 10)", "(7001, 'cash', NULL, -10)");
  const entries = (...rows: string[]) =>
    `INSERT INTO ledger_entries (transaction_id, account, customer_id, amount) VALUES ${rows.join(", ")};`;
  const commit = "SET CONSTRAINTS ALL IMMEDIATE;";

  test("a ledger transaction sums to zero", async () => {
    expect(await refusal(balanced + commit)).toBe(null);
    expect(await refusal(posting("(7001, 'customer', 1, 10)", "(7001, 'cash', NULL, -9.9999)"))).toBe(
      "ledger transaction 7001 sums to 0.0001, not to zero",
    );
    await expect(
      transaction(fresh.database, (sql) =>
        sql.query(posting("(7001, 'customer', 1, 10)", "(7001, 'cash', NULL, -9)")),
      ),
    ).rejects.toThrow("sums to 1.0000, not to zero");
  });

  test("entries that balance only with those of another statement, or of another transaction, are refused", async () => {
    const halves = [entries("(7001, 'customer', 1, 10)"), entries("(7001, 'cash', NULL, -10)")];
    const other =
      "INSERT INTO ledger_transactions (id, source_kind, source_id) VALUES (7002, 'topup', 'test-2');";

    expect(await refusal(balanced + halves.join(""))).toBe(
      "ledger transaction 7001 sums to 10.0000, not to zero",
    );
    expect(await refusal(balanced + entries("(7001, 'cash', NULL, 0)"))).toBe(
      "ledger transaction 7001 has 1 entries, not two or more",
    );
    expect(
      await refusal(
        `${balanced}${other}${entries(
          "(7001, 'cash', NULL, 1)",
          "(7001, 'cash', NULL, 1)",
          "(7002, 'cash', NULL, -1)",
          "(7002, 'cash', NULL, -1)",
        )}`,
      ),
    ).toBe("ledger transaction 7001 sums to 2.0000, not to zero");
  });

  test("of many ledger transactions in one statement each is judged", async () => {
    const many = (wrong: number) => `
      INSERT INTO ledger_transactions (id, source_kind, source_id) SELECT n, 'topup', 'many-' || n FROM generate_series(7001, 7100) n;
      INSERT INTO ledger_entries (transaction_id, account, customer_id, amount)
        SELECT n, side.account, 1, side.amount FROM generate_series(7001, 7100) n,
               LATERAL (VALUES ('customer', 5), ('cash', CASE n WHEN ${wrong} THEN -4 ELSE -5 END)) side (account, amount);`;

    expect(await refusal(many(0) + commit)).toBe(null);
    expect(await refusal(many(7077))).toBe("ledger transaction 7077 sums to 1.0000, not to zero");
  });

  test("a ledger transaction has at least two entries", async () => {
    const empty =
      "INSERT INTO ledger_transactions (id, source_kind, source_id) VALUES (7001, 'topup', 'test-1');";

    expect(await refusal(empty + commit)).toBe("ledger transaction 7001 has 0 entries, not two or more");
    expect(await refusal(posting("(7001, 'cash', NULL, 0)"))).toBe(
      "ledger transaction 7001 has 1 entries, not two or more",
    );
  });

  test("one cause posts once, and an entry of a customer names them", async () => {
    const again = "INSERT INTO ledger_transactions (source_kind, source_id) VALUES ('topup', 'test-1')";
    expect(await refusal(balanced + again)).toBe("ledger_transactions_source_kind_source_id_key");
    expect(await refusal(posting("(7001, 'customer', NULL, 0)"))).toBe("ledger_entries_customer_named");
  });

  test.each(["ledger_transactions", "ledger_entries", "billing_records"])(
    "%s is append-only",
    async (table) => {
      const rows = `${balanced} ${commit} INSERT INTO billing_records (customer_id, resource_type, quantity, unit_price, amount, start_time, end_time)
      VALUES (1, 'storage', 1, 0.003333, 1000000.1234, now(), now());`;

      for (const [change, word] of [
        [`UPDATE ${table} SET customer_id = customer_id`, "UPDATE"],
        [`DELETE FROM ${table}`, "DELETE"],
        [`TRUNCATE ${table} CASCADE`, "TRUNCATE"],
      ] as const)
        expect(await refusal(`${rows} ${change}`)).toMatch(new RegExp(`is append-only: ${word} is refused`));
    },
  );

  test("a price of six decimals and an amount of a million come back as they were", async () => {
    await trying(async (sql) => {
      await sql.query(`INSERT INTO billing_records (customer_id, resource_type, quantity, unit_price, amount, start_time, end_time)
        VALUES (1, 'storage', 0.1, 0.003333, 1000000.1234, now(), now())`);

      const { rows } = await sql.query("SELECT quantity, unit_price, amount FROM billing_records");
      expect(rows).toEqual([{ quantity: "0.1", unit_price: "0.003333", amount: "1000000.1234" }]);
    });
  });

  test.each([
    ["'legacy', 'network'", null],
    ["'legacy', NULL", "billing_records_resource_type_check"],
    ["'gpu', NULL", "billing_records_resource_type_check"],
    ["'training', NULL", null],
  ])("an old kind of record is stored only beside its old word: %s", async (kinds, expected) => {
    expect(
      await refusal(`INSERT INTO billing_records (quantity, unit_price, amount, start_time, end_time, customer_id, resource_type, legacy_resource_type)
        VALUES (1, 1, 1, now(), now(), 1, ${kinds})`),
    ).toBe(expected);
  });
});

test("an hour tick stands at a full hour, and there is one leader row and one cluster row", async () => {
  expect(await refusal("INSERT INTO hour_ticks (hour, term) VALUES ('2026-01-01 10:00+00', 1)")).toBe(null);
  expect(await refusal("INSERT INTO hour_ticks (hour, term) VALUES ('2026-01-01 10:00:00.001+00', 1)")).toBe(
    "hour_ticks_hour_check",
  );
  expect(await refusal("INSERT INTO leader (singleton) VALUES (true)")).toBe("leader_pkey");
  expect(await refusal("INSERT INTO cluster_state (singleton) VALUES (false)")).toBe(
    "cluster_state_singleton_check",
  );
});
