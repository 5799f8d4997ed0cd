/**
 * The forms in which the old tables may be found: with other names, without the global unique or with a bare index in
 * its place, with foreign keys and CHECKs of their own, with some columns of the change already added by hand and
 * partly filled, and in a database with settings that change how values are written.
 */
import * as fc from "fast-check";
import { SECTION_7, THE_CHANGE } from "./the-change.ts";

export interface OldForm {
  names: "as found" | "others";
  externalPort: "constraint" | "index" | "free";
  /** Foreign keys and CHECKs of the old system's own, NOT VALID since rows at random break them. */
  ownConstraints: boolean;
  byHand: {
    /** "training_jobs.command" */
    columns: string[];
    /** Without defaults, with those of the document, or NOT NULL besides. */
    style: "plain" | "defaults" | "required";
    indexes: boolean;
    /** Section 7's statements were run, too. */
    moved: boolean;
  };
  settings: Record<string, string>;
}

export const AS_FOUND: OldForm = {
  names: "as found",
  externalPort: "constraint",
  ownConstraints: false,
  byHand: { columns: [], style: "plain", indexes: false, moved: false },
  settings: {},
};

const EVERY_COLUMN = THE_CHANGE.map(({ table, name }) => `${table}.${name}`);
const MOVED_TO = [
  "training_jobs.mounted_datasets",
  "training_jobs.mounted_models",
  "training_jobs.command",
  "billing_records.resource_id",
];

const SETTINGS = [
  {},
  { TimeZone: "Asia/Shanghai" },
  { TimeZone: "America/St_Johns", DateStyle: "German", extra_float_digits: "-15" },
];

/** Forms without a hand in them: what was there is all that there is. */
export const untouchedForms: fc.Arbitrary<OldForm> = fc.record({
  names: fc.constantFrom("as found", "others"),
  externalPort: fc.constantFrom("constraint", "index", "free"),
  ownConstraints: fc.boolean(),
  byHand: fc.constant(AS_FOUND.byHand),
  settings: fc.constantFrom(...SETTINGS),
});

export const formsByHand: fc.Arbitrary<OldForm> = fc
  .record({
    form: untouchedForms,
    columns: fc.oneof(fc.constant(EVERY_COLUMN), fc.subarray(EVERY_COLUMN)),
    style: fc.constantFrom("plain", "defaults", "required"),
    indexes: fc.boolean(),
    moved: fc.boolean(),
  })
  .map(({ form, columns, style, indexes, moved }) => {
    const all = moved ? [...new Set([...columns, ...MOVED_TO])] : columns;
    return { ...form, byHand: { columns: all, style, indexes, moved } };
  });

export function refusesSecondPort(form: OldForm): boolean {
  return form.externalPort !== "free";
}

/** What makes the form, before there are rows. */
export function beforeRows({ names, externalPort, byHand: { columns, style } }: OldForm): string {
  const added = THE_CHANGE.filter(({ table, name }) => columns.includes(`${table}.${name}`)).map((column) => {
    const value = style === "plain" || column.default === null ? "" : ` DEFAULT ${column.default}`;
    return `ALTER TABLE ${column.table} ADD COLUMN ${column.name} ${column.type}${style === "required" ? " NOT NULL" : ""}${value};`;
  });
  return [
    externalPort === "constraint" ? "" : "ALTER TABLE port_mappings DROP CONSTRAINT uq_one_port;",
    externalPort === "index" ? "CREATE UNIQUE INDEX one_port ON port_mappings (external_port);" : "",
    names === "others" ? OTHER_NAMES : "",
    ...added,
  ].join("\n");
}

/** What is done to rows or would refuse them. */
export function afterRows({ ownConstraints, byHand, settings }: OldForm): string {
  const set = Object.entries(settings).map(
    ([name, value]) =>
      `EXECUTE format('ALTER DATABASE %I SET ${name} = %L', current_database(), '${value}');`,
  );
  return [
    byHand.moved ? SECTION_7.map((statement) => `${statement};`).join("\n") : "",
    byHand.indexes ? indexesByHand(byHand.columns) : "",
    ownConstraints ? OWN_CONSTRAINTS : "",
    `DO $$ BEGIN ${set.join(" ")} END $$;`,
  ].join("\n");
}

/** Names as a tool would give them, two functions in place of one, and triggers that differ by table. */
const OTHER_NAMES = `
  DO $$ DECLARE found record; BEGIN
    FOR found IN SELECT conrelid::regclass AS tab, conname FROM pg_constraint
      WHERE connamespace = 'public'::regnamespace AND contype IN ('p', 'u') LOOP
      EXECUTE format('ALTER TABLE %s RENAME CONSTRAINT %I TO %I', found.tab, found.conname, 'Key of ' || found.conname);
    END LOOP;
    FOR found IN SELECT tgrelid::regclass AS tab, tgname FROM pg_trigger WHERE NOT tgisinternal LOOP
      EXECUTE format('ALTER TRIGGER %I ON %s RENAME TO %I', found.tgname, found.tab, 'Tr-' || found.tab);
    END LOOP;
  END $$;
  ALTER FUNCTION touch_updated_at() RENAME TO "update modified column";
  CREATE FUNCTION trg_modified() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN new.UPDATED_AT := clock_timestamp(); RETURN new; END $$;
  DROP TRIGGER "Tr-training_jobs" ON training_jobs;
  CREATE TRIGGER set_updated_at BEFORE INSERT OR UPDATE ON training_jobs FOR EACH ROW WHEN (pg_trigger_depth() < 9)
    EXECUTE FUNCTION trg_modified();`;

const OWN_CONSTRAINTS = `
  ALTER TABLE environments
    ADD CONSTRAINT fk_env_owner FOREIGN KEY (customer_id) REFERENCES customers (id) ON DELETE CASCADE NOT VALID,
    ADD CONSTRAINT environments_status_check CHECK (status IN ('creating', 'running', 'stopped', 'error', 'deleting')) NOT VALID;
  ALTER TABLE training_jobs
    ADD CONSTRAINT training_jobs_env_id_fkey FOREIGN KEY (env_id) REFERENCES environments (id) ON DELETE SET NULL NOT VALID,
    ADD CONSTRAINT script_named CHECK (script_path <> '') NOT VALID,
    ADD CONSTRAINT a_dataset FOREIGN KEY (dataset_id) REFERENCES datasets NOT VALID;
  ALTER TABLE billing_records
    ADD CONSTRAINT "env or not" FOREIGN KEY (env_id) REFERENCES environments (id) NOT VALID,
    ADD CHECK (amount >= 0) NOT VALID,
    ADD CHECK (end_time >= start_time) NOT VALID;`;

function indexesByHand(columns: string[]): string {
  return [
    ["environments.deleted_at", "idx_environments_deleted_at", "btree"],
    ["environments.mounted_datasets", "idx_environments_mounted_datasets", "gin"],
    ["training_jobs.mounted_models", "idx_training_jobs_mounted_models", "gin"],
    ["inference_services.env_vars", "idx_inference_services_env_vars", "gin"],
    ["billing_records.workspace_id", "idx_billing_records_workspace", "btree"],
    ["billing_records.resource_id", "idx_billing_records_resource", "btree"],
    ["customers.overdue_status", "idx_customers_overdue_status", "btree"],
  ]
    .filter(([column = ""]) => columns.includes(column))
    .map(([column = "", name, method]) => {
      const [table, field] = column.split(".");
      return `CREATE INDEX ${name} ON ${table} USING ${method} (${field});`;
    })
    .join("\n");
}
