/**
 * Every list of the API walked by its cursor: each item once, in the order of the whole list, and no page longer than
 * was asked for. The lists are read from the API's own document; one that is added is filled here, or named among
 * those whose rows are made elsewhere.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { openApi, type ApiWorld, type Caller } from "../../support/http/api.ts";

interface Operation {
  "x-access": string;
  parameters?: { name: string }[];
}

const ROWS = 3;

/** Their rows come of bills, of what hosts report or of gateways, and they go through the same pages as the others. */
const FILLED_ELSEWHERE = new Set([
  "/billing/invoices/{id}",
  "/billing/pending",
  "/billing/storage",
  "/billing/trial-balance",
  "/billing/unrated",
  "/billing/waived",
  "/datasets/{id}/files",
  "/datasets/{id}/versions",
  "/environments/{id}/files",
  "/hosts/{id}/instances",
  "/inference-services/{id}/traffic",
  "/models/{id}/files",
  "/models/{id}/versions",
  "/offers",
  "/queue",
  "/training-jobs/{id}/files",
  "/training-jobs/{id}/output",
]);

let api: ApiWorld;
let owner: Caller & { workspaceId: number };
const paths: Record<string, { get?: Operation }> = await documentedPaths();
const lists = Object.entries(paths).flatMap(([path, { get }]) => {
  const isList = get?.parameters?.some(({ name }) => name === "cursor") ?? false;
  return get !== undefined && isList ? [{ path: path.replace("/api/v1", ""), access: get["x-access"] }] : [];
});

async function documentedPaths(): Promise<Record<string, { get?: Operation }>> {
  const world = await openApi();
  const { body } = await world.request("GET", "/openapi.json");
  await world.close();
  return body.paths;
}

beforeAll(async () => {
  api = await openApi();
  owner = await api.customer("owner");
  for (let row = 0; row < ROWS; row += 1) await make(row);
  await fillTables();
});
afterAll(async () => await api.close());

/** What the API makes by itself: accounts, members, invitations, payments and the catalogue. */
async function make(row: number): Promise<void> {
  const post = async (path: string, as: Caller, body: object) =>
    await api.request("POST", `/api/v1${path}`, { as, body });
  const name = `made-${row}`;
  for (const kind of ["datasets", "models"]) await post(`/${kind}`, owner, { name });
  await post("/images", api.admin, { name });
  const price = { spec: name, line: "cpu", unit_price: "1", billing_unit: "hour", new_spec: true };
  await post("/prices", api.admin, price);
  await post(`/customers/${owner.customerId}/top-ups`, api.admin, { amount: "1" });
  const other = await api.customer(name);
  await api.join(owner.workspaceId, owner, other);
  await post(`/workspaces/${other.workspaceId}/members`, other, { username: "owner" });
  await post(`/workspaces/${owner.workspaceId}/members`, owner, { username: `nobody-${row}` });
  await post("/workspaces", owner, { name });
}

/** So many rows, each with its number n. */
async function fill(columns: string, values: string): Promise<void> {
  await api.db.query(`INSERT INTO ${columns} SELECT ${values} FROM generate_series(0, ${ROWS - 1}) n`);
}

async function fillTables(): Promise<void> {
  await fillFleet();
  await fillWork();
  await fillAccess();
  await fillAccount();
}

async function fillWork(): Promise<void> {
  const whose = `${owner.customerId}, ${owner.workspaceId}`;
  const columns = "customer_id, workspace_id, name, image, status";
  await fill(
    `environments (id, ${columns}, cpu, memory)`,
    `'env-' || n, ${whose}, 'found', 'i', 'stopped', 1, 16777216`,
  );
  await fill(
    `training_jobs (id, ${columns}, command)`,
    `'job-' || n, ${whose}, 'found by all', 'i', 'completed', 'true'`,
  );
  await fill(
    "training_job_groups (id, customer_id, workspace_id, name, first_index, last_index, created_at)",
    `'jobs-' || n, ${whose}, 'a', 0, 3, now()`,
  );
  await fill(`inference_services (id, ${columns})`, `'service-' || n, ${whose}, 'is found', 'i', 'stopped'`);
  for (const [kind, id] of [
    ["environment", "env-0"],
    ["training", "job-0"],
    ["inference", "service-0"],
  ]) {
    await fill("events (kind, workload_kind, workload_id)", `'status', '${kind}', '${id}'`);
    await fill(
      "instances (id, workload_kind, workload_id, state, rank, current_epoch)",
      `'${kind}-' || n, '${kind}', '${id}', 'ready', n, 1`,
    );
    await fill(
      "placements (instance_id, epoch, host_id, spec, spec_hash, cpu_milli, memory_bytes)",
      `'${kind}-' || n, 1, 'host-0', '{}', 'x', 0, 0`,
    );
  }
  await fill(
    "service_revisions (service_id, number, image, cpu, memory, gpu, created_at, actor)",
    "'service-0', n + 1, 'i', 1, 1, 0, now(), 'a'",
  );
  await fill(
    "service_rollouts (service_id, number, from_revision, target, allows_gap, began_at, actor, ended_at, outcome)",
    "'service-0', n + 1, 1, 2, false, now(), 'a', now(), 'completed'",
  );
}

async function fillFleet(): Promise<void> {
  await fill("hosts (id, name, ip_address)", "'host-' || n, 'h', '10.0.0.1'");
  await fill("gpus (host_id, gpu_index, uuid)", "'host-0', n, 'GPU-0000000' || n");
  await fill("events (kind, host_id)", "'connection', 'host-0'");
  await fill("quarantine (host_id, reason)", "'host-0', 'r'");
  await api.db.query(
    `INSERT INTO fleet_upgrades (id, version, manifest_sha256, wave_count, started_by, started_at)
     VALUES ('upgrade-0', '0.2.0', repeat('0', 64), 1, 'admin 1', now())`,
  );
  await fill("fleet_upgrade_hosts (upgrade_id, host_id, wave)", "'upgrade-0', 'host-' || n, 0");
  await fill("alarms (kind, subject)", "'host-floods', 'host-' || n");
  const pulls = "host_pulls (host_id, image, fetch_id, instance_ids, state, reported_at)";
  await fill(pulls, "'host-0', 'i', NULL, ARRAY['instance-' || n], 'waiting', now()");
  await fill(pulls, "'host-0', 'i', 'fetch-' || n, NULL, 'pulling', now()");
}

async function fillAccess(): Promise<void> {
  const { customerId } = owner;
  await fill(
    "port_mappings (env_id, service_type, external_port, internal_port)",
    "'env-0', 'custom', 30001 + n, 8000 + n",
  );
  await fill(
    "web_shares (env_id, target, token_hash, customer_id, made_at, expires_at)",
    `'env-0', '8000', 'share-' || n, ${customerId}, now(), now() + interval '1 day'`,
  );
  await fill(
    "ssh_tickets (id, env_id, customer_id, public_key, fingerprint, reason, made_at, expires_at)",
    `1000 + n, 'env-0', ${customerId}, 'k', 'f', 'r', now(), now() + interval '15 minutes'`,
  );
  await fill(
    `access_sessions (host_id, session_id, env_id, instance_id, run_id, lease_id, service_type, client_address,
       opened_at, bytes_in, bytes_out, first_reported_at, reported_at)`,
    "'host-0', 'session-' || n, 'env-0', 'i', 'r', 'l', 'ssh', '192.0.2.1', now(), 0, 0, now(), now()",
  );
  await fill(
    "service_keys (service_id, name, prefix, key_hash, customer_id, made_at)",
    `'service-0', 'k' || n, 'rgs_x', 'key-' || n, ${customerId}, now()`,
  );
  await fill("ssh_keys (customer_id, name, public_key, fingerprint)", `${customerId}, 'k', 'k', 'f' || n`);
  await fill("api_keys (customer_id, prefix, key_hash)", `${customerId}, 'p', 'hash-' || n`);
  await fill(
    "browser_sessions (token_hash, api_key_id, customer_id, created_at, expires_at)",
    `'token-' || n, (SELECT min(id) FROM api_keys WHERE customer_id = ${customerId}), ${customerId}, now(),
     now() + interval '1 day'`,
  );
  await fill(
    "registry_credentials (id, customer_id, registry, username, sealed_password, sealed_by, created_at)",
    `'registry-' || n, ${customerId}, 'r' || n || '.io', 'u', 'x', 'k', now()`,
  );
}

async function fillAccount(): Promise<void> {
  const { customerId, workspaceId } = owner;
  await fill(
    "invoices (invoice_no, customer_id, billing_period_start, billing_period_end, total_amount)",
    `'no-' || n, ${customerId}, '2026-02-28T16:00:00Z', '2026-03-31T16:00:00Z', 1`,
  );
  await fill(
    `billing_records (customer_id, workspace_id, resource_type, quantity, unit_price, amount, start_time, end_time,
       usage_month, invoice_month)`,
    `${customerId}, ${workspaceId}, 'storage', 1, 1, 1, now(), now(), '2026-03-01', '2026-03-01'`,
  );
  await fill("events (kind, customer_id)", `'overdue', ${customerId}`);
  await fill(
    "alerts (customer_id, kind, value, sentence, fired_at, recovered_at)",
    `${customerId}, 'overdue', 'v', 's', now(), now()`,
  );
  await fill(
    "data_removals (customer_id, ordered_at, ordered_by, resource_type, resource_id, folder)",
    `${customerId}, now(), 'a', 'dataset', n, 'f' || n`,
  );
  await fill(
    "customer_identities (customer_id, issuer, subject, created_at)",
    `${customerId}, 'https://accounts.example.com', n, now()`,
  );
  await fill("webhooks (customer_id, url, secret)", `${customerId}, 'https://example.com/', 's'`);
  await fill(
    "webhook_deliveries (webhook_id, kind, body, created_at, next_try_at)",
    "(SELECT min(id) FROM webhooks), 'test', '{}', now(), now()",
  );
}

/** The list with the id of the one thing that is in its path. */
function existing(path: string): string {
  const ids: Record<string, string | number> = {
    customers: owner.customerId,
    workspaces: owner.workspaceId,
    environments: "env-0",
    "training-jobs": "job-0",
    "inference-services": "service-0",
    hosts: "host-0",
  };
  const [, collection = ""] = path.split("/");
  const filled = path.replace("{id}", String(ids[collection] ?? 1));
  return `/api/v1${filled}?${path === "/search" ? "q=found&" : ""}`;
}

/** Some lists are an object around their items. */
function pageOf(body: { items?: unknown[]; hosts?: unknown[]; next_cursor: string | null }) {
  return { items: body.items ?? body.hosts ?? [], next: body.next_cursor };
}

const filledLists = lists.filter(({ path }) => !FILLED_ELSEWHERE.has(path));

test.each(filledLists)("GET $path shows each item once, page by page", async ({ path, access }) => {
  const as = access === "admin" ? api.admin : owner;
  const get = async (query: string) =>
    pageOf((await api.request("GET", existing(path) + query, { as })).body);
  const whole = await get("limit=200");
  const walked: unknown[] = [];

  let page = await get("limit=2");
  while (page.next !== null && walked.length <= whole.items.length) {
    expect(page.items).toHaveLength(2);
    walked.push(...page.items);
    page = await get(`limit=2&cursor=${page.next}`);
  }

  expect(whole.items.length).toBeGreaterThanOrEqual(ROWS);
  expect(whole.next).toBeNull();
  expect([...walked, ...page.items]).toEqual(whole.items);
});

/** The host of the files takes or refuses it, once there is one. */
const REQUESTED_OF_HOSTS = /\/(files|output)$/;
test.each(lists.filter(({ path }) => !REQUESTED_OF_HOSTS.test(path)))(
  "GET $path refuses what is no cursor, by name",
  async ({ path, access }) => {
    const as = access === "admin" ? api.admin : owner;

    for (const cursor of ["x", "%00", "WyJhIiwiYiIsImMiLCJkIiwiZSIsImYiXQ"]) {
      const answer = await api.request("GET", `${existing(path)}cursor=${cursor}`, { as });

      expect(answer).toMatchObject({ status: 422, body: { errors: [{ path: "cursor" }] } });
    }
  },
);

test("each list whose rows are made elsewhere is one", () => {
  const known = new Set(lists.map(({ path }) => path));

  expect([...FILLED_ELSEWHERE].filter((path) => !known.has(path))).toEqual([]);
});
