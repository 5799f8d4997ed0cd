/**
 * What changes are made of: where each kind of thing has its row, and which of the row's columns whoever reads the audit
 * log may see. All others are shown as "changed": secrets, what may hold one (commands, variables, addresses of
 * receivers), and what people are called and where they are written to, which could never be removed from there: their
 * names as shown, e-mail addresses and names of SSH keys. The username is shown: accounts go by it.
 */
import {
  type AuditDifference,
  auditDifference,
  type AuditFields,
} from "../../core/accounts/audit-difference.ts";
import type { Connection } from "../database/database.ts";

interface AuditTarget {
  table: string;
  /** The row's id as text, and how rows are found by such ids in $1. */
  id: string;
  where: string;
  visible: ReadonlySet<string>;
  /** Those of the shown columns that tell of somebody's money. */
  money: ReadonlySet<string>;
  /** Columns whose decimals must not become floating. */
  decimals: readonly string[];
}

/** What tells nothing of what somebody did: clocks, counters, and what hosts report of themselves. */
const IGNORED: ReadonlySet<string> = new Set([
  ..."id uuid created_at updated_at generation applied_generation applied_term queued_at status_deadline_at".split(
    " ",
  ),
  ..."last_heartbeat observed_at observed_digest observed_substance member_count prefix last_used_at last_login_at session_key_id".split(
    " ",
  ),
  ..."token_hash used_by_nkey state_changed_at sealed_by bytes_in bytes_out reported_at".split(" "),
]);

function target(
  table: string,
  visible: string,
  {
    key = "id",
    type = "bigint",
    decimals = "",
    money = "",
  }: { key?: string; type?: string; decimals?: string; money?: string } = {},
): AuditTarget {
  return {
    table,
    id: `${key}::text`,
    where: `${key} = ANY($1::${type}[])`,
    visible: new Set(visible.split(" ")),
    money: new Set(money === "" ? [] : money.split(" ")),
    decimals: decimals === "" ? [] : decimals.split(" "),
  };
}

const QUOTAS =
  "quota_level cpu_quota memory_quota gpu_quota storage_quota environment_quota customer_id workspace_id";
const DATA = "customer_id workspace_id name description storage_path status visibility";

const TARGETS = {
  "access-session": target("access_sessions", "env_id host_id service_type client_address cut_by"),
  alarm: target("alarms", "kind subject cleared_at"),
  alerts: target("alert_rules", "balances hours_left budget_percents monthly_limit", {
    key: "customer_id",
    decimals: "balances hours_left budget_percents monthly_limit",
    money: "balances hours_left budget_percents monthly_limit",
  }),
  "browser-session": target("browser_sessions", "customer_id api_key_id expires_at"),
  "api-key": target("api_keys", "customer_id name role scopes expires_at revoked_at identity_id login_role"),
  identity: target("customer_identities", "customer_id issuer subject unlinked_at"),
  "identity-invitation": target("identity_invitations", "customer_id expires_at used_at"),
  "service-key": target(
    "service_keys",
    "service_id customer_id name made_at expires_at revoked_at revoked_by",
  ),
  "cve-waiver": target("host_cve_waivers", "host_id reason cves waived_by expires_at", {
    key: "host_id",
    type: "text",
  }),
  customer: target(
    "customers",
    "username user_type account_type status balance currency overdue_status overdue_since credit_limit share_weight deleted_at",
    { decimals: "balance credit_limit", money: "balance credit_limit" },
  ),
  "customer-quota": {
    ...target("resource_quotas", QUOTAS, { key: "customer_id" }),
    where: "customer_id = ANY($1::bigint[]) AND workspace_id IS NULL",
  },
  dataset: target("datasets", DATA),
  environment: target(
    "environments",
    `customer_id workspace_id name description image status cpu memory gpu gpu_memory storage temp_storage ssh_enabled
     jupyter_enabled rdp_enabled tensorboard_enabled web_terminal_enabled mounted_datasets mounted_models host_id
     status_reason deleted_at`.replaceAll(/\s+/g, " "),
    { type: "text" },
  ),
  "fleet-upgrade": target("fleet_upgrades", "version state wave started_by ended_at", { type: "text" }),
  gpu: target("gpus", "host_id cordoned cordon_reason", { key: "uuid", type: "text" }),
  host: target(
    "hosts",
    "name labels tags status cordoned cordon_reason storage_pool claimed_storage_pool pool_state revoked_at deleted_at confirmed_stops",
    {
      type: "text",
    },
  ),
  image: target(
    "images",
    "name display_name category framework framework_version is_official registry_url status",
  ),
  "inference-service": target(
    "inference_services",
    "customer_id workspace_id name image status status_reason cpu memory gpu replicas min_replicas max_replicas autoscaling_enabled autoscaling_config autoscaling_dry_run health_check_path health_check_interval deleted_at",
    { type: "text" },
  ),
  invitation: target(
    "workspace_invitations",
    "workspace_id invited_by role expires_at declined_at ended_at",
    { type: "text" },
  ),
  "join-token": target("join_tokens", "host_name storage_pool created_by expires_at revoked_at"),
  member: {
    ...target("workspace_members", "workspace_id customer_id role status"),
    id: "workspace_id || '/' || customer_id",
    where: `(workspace_id, customer_id) IN
              (SELECT split_part(m, '/', 1)::bigint, split_part(m, '/', 2)::bigint FROM unnest($1::text[]) m)`,
  },
  model: target("models", DATA),
  "port-mapping": target(
    "port_mappings",
    "env_id host_id service_type internal_port external_port status released_at",
  ),
  "port-order": target("lease_orders", "env_id host_id service_type internal_port want", { type: "text" }),
  price: target("prices", "spec line unit_price billing_unit effective_from created_by", {
    decimals: "unit_price",
  }),
  "rdp-password": target("rdp_passwords", "env_id run_id set_by", { key: "env_id", type: "text" }),
  "registry-credential": target("registry_credentials", "customer_id workspace_id registry", {
    type: "text",
  }),
  setting: target("settings", "value", { key: "key", type: "text" }),
  spec: target("specs", "shape description retired_at retired_lines", { key: "spec", type: "text" }),
  // Its name is by custom whose it is and on which machine.
  "ssh-key": target("ssh_keys", "customer_id fingerprint"),
  "ssh-password": target("ssh_passwords", "env_id set_by", { key: "env_id", type: "text" }),
  "ssh-ticket": target("ssh_tickets", "env_id customer_id fingerprint reason expires_at ended_at ended_by"),
  "storage-pool": target("storage_pools", "disk_bytes", { key: "name", type: "text" }),
  "training-job": target(
    "training_jobs",
    "customer_id workspace_id name image status status_reason priority cpu memory gpu node_count confirmed_at completed_at",
    { type: "text" },
  ),
  "training-job-group": target(
    "training_job_groups",
    "customer_id workspace_id name first_index last_index at_once deleted_at",
    { type: "text" },
  ),
  "web-share": target("web_shares", "env_id target customer_id expires_at ended_at ended_by"),
  webhook: target("webhooks", "customer_id kinds active"),
  workspace: target("workspaces", "owner_id name description type status share_weight"),
  "workspace-quota": target("resource_quotas", QUOTAS, { key: "workspace_id" }),
} satisfies Record<string, AuditTarget>;

export type AuditTargetKind = keyof typeof TARGETS;

export const AUDIT_TARGET_KINDS = Object.keys(TARGETS) as [AuditTargetKind, ...AuditTargetKind[]];

/** The rows as they are now, by their ids. */
export async function rowsOf(
  sql: Connection,
  kind: AuditTargetKind,
  ids: readonly string[],
): Promise<ReadonlyMap<string, AuditFields>> {
  const { table, id, where, decimals }: AuditTarget = TARGETS[kind];
  const asText = decimals.map((column) => ` || jsonb_build_object('${column}', ${column}::text)`).join("");
  const { rows } = await sql.query<{ id: string; fields: AuditFields }>(
    `SELECT ${id} AS id, to_jsonb(t)${asText} AS fields FROM ${table} t WHERE ${where}`,
    [ids],
  );
  return new Map(rows.map((row) => [row.id, row.fields]));
}

export function differenceOf(
  kind: AuditTargetKind,
  before: AuditFields | null,
  after: AuditFields | null,
): AuditDifference {
  return auditDifference(before, after, { visible: TARGETS[kind].visible, ignored: IGNORED });
}

/** An entry's fields for whoever may not see money: that they differ, and not from what to what. */
export function withoutMoney(kind: string | null, fields: AuditFields | null): AuditFields | null {
  const found = AUDIT_TARGET_KINDS.find((one) => one === kind);
  if (found === undefined || fields === null) return fields;
  const { money }: AuditTarget = TARGETS[found];
  return Object.fromEntries(
    Object.entries(fields).map(([field, value]) => [field, money.has(field) ? null : value]),
  );
}

/** The id of what was made, as its row answers it. */
export function idMade(rows: readonly Record<string, unknown>[]): string | null {
  const id = rows[0]?.["id"];
  return typeof id === "string" || typeof id === "number" ? String(id) : null;
}
