/**
 * The 48 columns of the change summary as that document spells them, and what a hand that added some of them early may
 * have written into them. The values keep to what the new schema allows; wrong ones are tests of their own.
 */
import * as fc from "fast-check";
import type { OldTable } from "./old-database.ts";
import { anyBigint, anyText, anyTime, jsonObject } from "./old-values.ts";

export interface ChangeColumn {
  table: OldTable;
  name: string;
  /** The document's spelling, without NOT NULL and DEFAULT. */
  type: string;
  /** SQL. */
  default: string | null;
  value: fc.Arbitrary<unknown>;
}

const size = fc.bigInt(0n, 2n ** 63n - 1n).map(String);
const bool = fc.boolean();
const variables = fc.dictionary(fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,20}$/), anyText(40), {
  maxKeys: 4,
});
/** Filled by hand, by a careless hand, or not at all. */
const ids = fc.oneof(
  fc.uniqueArray(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 3 }),
  fc.constantFrom([], [null]),
);
const imageName = fc.constantFrom("", "pytorch:2.4", "registry/team/image:v1");

function mounts(...paths: string[]): fc.Arbitrary<unknown> {
  return fc
    .shuffledSubarray(paths)
    .chain((chosen) =>
      fc
        .shuffledSubarray([1, 2, 7, 9_007_199_254_740_991], { minLength: chosen.length })
        .map((found) => chosen.map((path, index) => ({ id: found[index], path, readonly: true }))),
    );
}

export const THE_CHANGE: ChangeColumn[] = [
  column("environments", "gpu_memory", "BIGINT", null, size),
  column("environments", "temp_storage", "BIGINT", null, size),
  column("environments", "ssh_enabled", "BOOLEAN", "true", bool),
  column("environments", "rdp_enabled", "BOOLEAN", "false", bool),
  column("environments", "jupyter_token", "VARCHAR(128)", null, anyText(128)),
  column("environments", "jupyter_enabled", "BOOLEAN", "true", bool),
  column("environments", "tensorboard_port", "INT", null, fc.integer({ min: 1, max: 65_535 })),
  column("environments", "tensorboard_enabled", "BOOLEAN", "false", bool),
  column("environments", "web_terminal_enabled", "BOOLEAN", "true", bool),
  column(
    "environments",
    "mounted_datasets",
    "JSONB",
    null,
    mounts("/gemini/data-1", "/gemini/data-2", "/gemini/data-3"),
  ),
  column(
    "environments",
    "mounted_models",
    "JSONB",
    null,
    mounts("/gemini/pretrain1", "/gemini/pretrain2", "/gemini/pretrain3"),
  ),
  column("environments", "env_vars", "JSONB", null, variables),
  column("environments", "config", "JSONB", null, jsonObject),
  column("environments", "deleted_at", "TIMESTAMP", null, anyTime),

  column("port_mappings", "last_accessed_at", "TIMESTAMP", null, anyTime),
  column("port_mappings", "auto_release_hours", "INT", "48", fc.integer({ min: 1, max: 2 ** 31 - 1 })),

  column("training_jobs", "image", "VARCHAR(256)", null, imageName),
  column("training_jobs", "mounted_datasets", "JSONB", null, ids),
  column("training_jobs", "mounted_models", "JSONB", null, ids),
  column("training_jobs", "command", "TEXT", null, anyText(2000)),
  column("training_jobs", "env_vars", "JSONB", null, variables),
  column("training_jobs", "output_path", "VARCHAR(512)", "'/gemini/output/'", anyText(512)),
  column("training_jobs", "node_count", "INT", "1", fc.integer({ min: 1, max: 2 ** 31 - 1 })),
  column("training_jobs", "distributed_config", "JSONB", null, jsonObject),
  column("training_jobs", "gpu_memory", "BIGINT", null, size),
  column("training_jobs", "deleted_at", "TIMESTAMP", null, anyTime),

  column("inference_services", "image", "VARCHAR(256)", null, imageName),
  column("inference_services", "min_replicas", "INT", "1", fc.constantFrom(0, 1)),
  column("inference_services", "max_replicas", "INT", "10", fc.constantFrom(1, 5, 10, 64)),
  column("inference_services", "autoscaling_enabled", "BOOLEAN", "false", bool),
  column("inference_services", "autoscaling_config", "JSONB", null, jsonObject),
  column("inference_services", "version", "VARCHAR(64)", null, anyText(64)),
  column("inference_services", "previous_version", "VARCHAR(64)", null, anyText(64)),
  column("inference_services", "health_check_path", "VARCHAR(256)", null, anyText(256)),
  column("inference_services", "health_check_interval", "INT", "30", fc.integer({ min: 1, max: 3600 })),
  column("inference_services", "env_vars", "JSONB", null, variables),
  column("inference_services", "gpu_memory", "BIGINT", null, size),
  column("inference_services", "deleted_at", "TIMESTAMP", null, anyTime),

  column("billing_records", "workspace_id", "BIGINT", null, anyBigint),
  column("billing_records", "resource_id", "VARCHAR(64)", null, fc.constantFrom("env-1", "env-2", "svc-9")),
  column("billing_records", "resource_name", "VARCHAR(256)", null, anyText(256)),
  column(
    "billing_records",
    "billing_unit",
    "VARCHAR(20)",
    "'minute'",
    fc.constantFrom("minute", "hour", "day"),
  ),
  column("billing_records", "billing_minutes", "INT", null, fc.integer({ min: 0, max: 2 ** 31 - 1 })),

  column(
    "customers",
    "balance",
    "DECIMAL(10,4)",
    "0.00",
    fc.constantFrom("0", "0.0001", "-999999.9999", "999999.9999"),
  ),
  column("customers", "currency", "VARCHAR(10)", "'CNY'", fc.constantFrom("CNY", "USD")),
  column(
    "customers",
    "overdue_status",
    "VARCHAR(20)",
    "'normal'",
    fc.constantFrom("normal", "overdue", "suspended"),
  ),
  column("customers", "overdue_since", "TIMESTAMP", null, anyTime),
  column("customers", "last_payment_at", "TIMESTAMP", null, anyTime),
];

/** What the old columns of section 7's four statements become. */
export const MOVES = [
  { table: "training_jobs", from: "dataset_id", to: "mounted_datasets" },
  { table: "training_jobs", from: "model_id", to: "mounted_models" },
  { table: "training_jobs", from: "script_path", to: "command" },
  { table: "billing_records", from: "env_id", to: "resource_id" },
] as const;

/** The change summary's own advice for moving the data, as an eager operator runs it. */
export const SECTION_7 = [
  "UPDATE training_jobs SET mounted_datasets = jsonb_build_array(dataset_id) WHERE dataset_id IS NOT NULL",
  "UPDATE training_jobs SET mounted_models = jsonb_build_array(model_id) WHERE model_id IS NOT NULL",
  "UPDATE training_jobs SET command = script_path WHERE script_path IS NOT NULL",
  "UPDATE billing_records SET resource_id = env_id WHERE env_id IS NOT NULL",
];

function column(
  table: OldTable,
  name: string,
  type: string,
  defaultValue: string | null,
  value: fc.Arbitrary<unknown>,
): ChangeColumn {
  return { table, name, type, default: defaultValue, value };
}
