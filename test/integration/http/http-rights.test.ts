/**
 * Every route of the API for every way of standing to what it is about. What belongs to others looks like what does
 * not exist. A route that is added without a row here fails the last test.
 */
import { isOfDashboard } from "@remotegpu/control-plane/server/http/dashboard/page-paths";
import { openSignOn } from "@remotegpu/control-plane/server/sign-on";
import { randomBytes } from "node:crypto";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fingerprint } from "../../support/engines/fingerprint.ts";
import { openApi, type RequestOptions, type ApiWorld, type Caller } from "../../support/http/api.ts";
import { quietLog } from "../../support/quiet-log.ts";
import { openProvider, type TestProvider } from "../../support/sign-on/provider.ts";
import { signOnConfig } from "../../support/sign-on/sign-on-world.ts";

/** Who asks, by how they stand to the workspace "team" and to the thing in question, which the author made there. */
/** What everybody may read there, as in the repository. */
const PAGES_BELOW_DOCS = ["/docs/pictures/:file", "/docs/:folder/:page{.+}"];
const RANK_STATES = [
  "nobody",
  "stranger",
  "viewer",
  "member",
  "author",
  "wsAdmin",
  "owner",
  "admin",
] as const;
type State = (typeof RANK_STATES)[number];

/** Where every request leaves a trace. */
const TRACES = new Set(["audit_log", "idempotency_keys", "schema_migrations"]);

let api: ApiWorld;
let people: Record<Exclude<State, "nobody">, Caller & { workspaceId: number; uuid: string }>;
let team: number;
let provider: TestProvider;

beforeAll(async () => {
  api = await openApi();
  provider = await openProvider("http://localhost/api/v1/auth/oidc/callback");
  const { operator } = api;
  api.deps.signOn = openSignOn(signOnConfig(provider.issuer), { operator, log: quietLog });
  const admin = await api.customer("root", "admin");
  const names = ["stranger", "viewer", "member", "author", "wsAdmin", "owner"] as const;
  const made = new Map<string, Caller & { workspaceId: number; uuid: string }>();
  for (const name of names) made.set(name, await api.customer(name.toLowerCase()));
  people = { ...Object.fromEntries(made), admin } as typeof people;

  team = (await post("/workspaces", people.owner, { name: "team" })).id;
  const roles = { viewer: "viewer", member: "member", author: "member", wsAdmin: "admin" } as const;
  for (const [name, role] of Object.entries(roles))
    await api.join(team, people.owner, people[name as keyof typeof roles], role);
});
afterAll(async () => {
  await provider.close();
  await api.close();
});

async function post(
  path: string,
  as: Caller,
  body: object,
): Promise<{ id: number; [field: string]: unknown }> {
  const answer = await api.request("POST", `/api/v1${path}`, { as, body });
  if (answer.status !== 201) throw new Error(`POST ${path} got ${JSON.stringify(answer.body)}`);
  return answer.body;
}

/** Makes what is asked about anew, and says the path and body of the question. */
type Question = () => Promise<{ path: string; body?: object }> | { path: string; body?: object };

let counter = 0;
const fresh = (word: string) => `${word}-${(counter += 1)}`;
const WHOLE_FILE = `path=/gemini/code/a&size=1&sha256=${"0".repeat(64)}`;
const sized = { cpu: 1, memory: 2 ** 30 };

async function environment(): Promise<string> {
  const id = fresh("env");
  await api.db.query(
    `INSERT INTO environments (id, customer_id, workspace_id, name, image, status, cpu, memory, gpu)
     VALUES ($1, $2, $3, $1, 'busybox', 'stopped', 1, 1073741824, 0)`,
    [id, people.author.customerId, team],
  );
  return id;
}

/** As the old system left them: no host is needed to close it. */
async function portMapping(): Promise<number> {
  const { rows } = await api.db.query<{ id: number }>(
    "INSERT INTO port_mappings (env_id, service_type, external_port, internal_port) VALUES ($1, 'ssh', 30001, 22) RETURNING id",
    [await environment()],
  );
  return rows[0]?.id ?? 0;
}

async function accessSession(environmentId: string): Promise<number> {
  const { rows } = await api.db.query<{ id: number }>(
    `INSERT INTO access_sessions (host_id, session_id, env_id, instance_id, run_id, lease_id, service_type,
       client_address, opened_at, bytes_in, bytes_out, first_reported_at, reported_at)
     VALUES ($1, 'session', $2, 'inst', 'run', 'lease', 'ssh', '192.0.2.1', now(), 0, 0, now(), now()) RETURNING id`,
    [await host(), environmentId],
  );
  return rows[0]?.id ?? 0;
}

async function sshTicket(environmentId: string): Promise<number> {
  const { rows } = await api.db.query<{ id: number }>(
    `INSERT INTO ssh_tickets (id, env_id, customer_id, public_key, fingerprint, reason, made_at, expires_at)
     VALUES (nextval(pg_get_serial_sequence('ssh_keys', 'id')), $1, $2, 'k', 'f', 'r', now(), now() + interval '15 minutes')
     RETURNING id`,
    [environmentId, people.admin.customerId],
  );
  return rows[0]?.id ?? 0;
}

async function webShare(environmentId: string): Promise<number> {
  const { rows } = await api.db.query<{ id: number }>(
    `INSERT INTO web_shares (env_id, target, token_hash, customer_id, made_at, expires_at)
     VALUES ($1, '8000', $2, $3, now(), now() + interval '1 day') RETURNING id`,
    [environmentId, randomBytes(32).toString("hex"), people.author.customerId],
  );
  return rows[0]?.id ?? 0;
}

async function trainingJob(): Promise<string> {
  const id = fresh("job");
  await api.db.query(
    `INSERT INTO training_jobs (id, customer_id, workspace_id, name, image, command, status)
     VALUES ($1, $2, $3, $1, 'busybox', 'train.sh', 'completed')`,
    [id, people.author.customerId, team],
  );
  return id;
}

async function jobArray(): Promise<string> {
  const id = fresh("jobs");
  await api.db.query(
    `INSERT INTO training_job_groups (id, customer_id, workspace_id, name, first_index, last_index, created_at)
     VALUES ($1, $2, $3, $1, 0, 3, now())`,
    [id, people.author.customerId, team],
  );
  return id;
}

/** Of somebody's service, made as it lies in the database. */
async function serviceKey(serviceId: string): Promise<number> {
  const { rows } = await api.db.query<{ id: number }>(
    `INSERT INTO service_keys (service_id, name, prefix, key_hash, customer_id, made_at)
     VALUES ($1, $2, 'rgs_x', $2, $3, now()) RETURNING id`,
    [serviceId, randomBytes(32).toString("hex"), people.author.customerId],
  );
  return rows[0]?.id ?? 0;
}

async function inferenceService(): Promise<string> {
  const id = fresh("service");
  await api.db.query(
    `INSERT INTO inference_services (id, customer_id, workspace_id, name, image, status)
     VALUES ($1, $2, $3, $1, 'busybox', 'stopped')`,
    [id, people.author.customerId, team],
  );
  return id;
}

/** Of the team, paid by its owner. */
async function storageRecord(): Promise<number> {
  const { rows } = await api.db.query<{ id: number }>(
    `INSERT INTO billing_records (customer_id, workspace_id, resource_type, quantity, unit_price, amount, start_time,
       end_time, usage_month, invoice_month)
     VALUES ($1, $2, 'storage', 1, 1, 1, now(), now(), '2026-03-01', '2026-03-01') RETURNING id`,
    [people.owner.customerId, team],
  );
  return rows[0]?.id ?? 0;
}

async function invoice(): Promise<number> {
  const { rows } = await api.db.query<{ id: number }>(
    `INSERT INTO invoices (invoice_no, customer_id, billing_period_start, billing_period_end, total_amount)
     VALUES ($1, $2, '2026-02-28T16:00:00Z', '2026-03-31T16:00:00Z', 1) RETURNING id`,
    [fresh("invoice"), people.author.customerId],
  );
  return rows[0]?.id ?? 0;
}

async function host(): Promise<string> {
  const id = fresh("host");
  await api.db.query("INSERT INTO hosts (id, name, ip_address) VALUES ($1, $1, '10.0.0.1')", [id]);
  return id;
}

async function gpu(): Promise<string> {
  const uuid = fresh("GPU-00000000-0000");
  await api.db.query("INSERT INTO gpus (host_id, gpu_index, uuid) VALUES ($1, 0, $2)", [await host(), uuid]);
  return uuid;
}

const aWorkspace = async () => {
  const { id } = await post("/workspaces", people.owner, { name: fresh("ws") });
  const roles = { viewer: "viewer", member: "member", author: "member", wsAdmin: "admin" } as const;
  // More of them than may be invited in a day.
  for (const [name, role] of Object.entries(roles))
    await api.db.query(
      "INSERT INTO workspace_members (workspace_id, customer_id, role) VALUES ($1, $2, $3)",
      [id, people[name as keyof typeof roles].customerId, role],
    );
  return id;
};
const anInvitation = async (username: string) =>
  String((await post(`/workspaces/${await aWorkspaceOfOwner()}/members`, people.owner, { username })).id);
const aWorkspaceOfOwner = async () => (await post("/workspaces", people.owner, { name: fresh("ws") })).id;
const ownKey = async () => (await post("/api-keys", people.author, {})).id;
async function ownSession(): Promise<number> {
  const headers = { Origin: "http://localhost" };
  const { key } = people.author;
  return (await api.request("POST", "/api/v1/sessions", { body: { key }, headers })).body.id;
}
const aCustomer = async () => (await api.customer(fresh("customer"))).customerId;
const entry = (kind: "datasets" | "models", visibility: string) => async () =>
  (
    await post(`/${kind}`, people.author, {
      name: fresh("data"),
      visibility,
      ...(visibility === "workspace" && { workspace_id: team }),
    })
  ).id;
const anImage = async () => (await post("/images", people.admin, { name: fresh("image") })).id;
const aSpec = async () => {
  const spec = fresh("spec");
  await api.request("PUT", `/api/v1/specs/${spec}`, { as: people.admin, body: {} });
  await api.request("POST", "/api/v1/prices", {
    as: people.admin,
    body: { spec, line: "cpu", unit_price: "1", billing_unit: "hour" },
  });
  return spec;
};
const at =
  (make: () => Promise<string | number>, path: (id: string | number) => string, body?: object): Question =>
  async () => ({ path: path(await make()), ...(body !== undefined && { body }) });
const plain =
  (path: string, body?: object): Question =>
  () => ({ path, ...(body !== undefined && { body }) });

/** Columns: nobody stranger viewer member author wsAdmin owner admin; "ok" is anything but 401, 403 and 404. */
const EVERYONE = "401 ok ok ok ok ok ok ok";
const ADMINS = "401 403 403 403 403 403 403 ok";
const PUBLIC = "ok ok ok ok ok ok ok ok";
const MEMBERS = "401 404 ok ok ok ok ok ok";
const MANAGERS = "401 404 403 403 403 ok ok ok";
const AUTHORS = "401 404 403 403 ok ok ok ok";
/** A person's own thing: not even the workspace's owner has it. */
const PERSONAL = "401 404 404 404 ok 404 404 ok";
/** Not even an administrator's. */
const ALONE = "401 404 404 404 ok 404 404 404";
const OWN_SHARED = "401 404 403 403 ok 403 403 ok";

const sshKey = async () => {
  const blob = Buffer.concat([frame("ssh-ed25519"), frame(fresh("x").padEnd(32, "x"))]).toString("base64");
  return (await post("/ssh-keys", people.author, { name: "k", public_key: `ssh-ed25519 ${blob}` })).id;
};
const login = { registry: "ghcr.io", username: "u", password: "p" };
const ownCredential = async () => (await post("/registry-credentials", people.author, login)).id;
const teamCredential = async () =>
  (await post("/registry-credentials", people.owner, { ...login, workspace_id: team })).id;
/** Another one each time. */
function publicKey(): string {
  const body = Buffer.concat([frame("ssh-ed25519"), frame(fresh("y").padEnd(32, "y"))]);
  return `ssh-ed25519 ${body.toString("base64")}`;
}

function frame(text: string): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(text.length);
  return Buffer.concat([length, Buffer.from(text)]);
}

const data = (kind: "datasets" | "models"): [string, string, Question][] => [
  [`POST /${kind}`, EVERYONE, () => ({ path: `/${kind}`, body: { name: fresh("d") } })],
  // Shared with the team: bringing something into a workspace takes the right to work there.
  [`POST /${kind}`, "401 404 403 ok ok ok ok ok", plain(`/${kind}`, shared(kind))],
  // Where files lie is the administrators' to say.
  [`POST /${kind}`, "401 403 403 403 403 403 403 ok", plain(`/${kind}`, { name: "d", storage_path: "a/b" })],
  [`GET /${kind}`, EVERYONE, plain(`/${kind}`)],
  [`GET /${kind}/{id}`, PERSONAL, at(entry(kind, "private"), (id) => `/${kind}/${id}`)],
  [`GET /${kind}/{id}`, MEMBERS, at(entry(kind, "workspace"), (id) => `/${kind}/${id}`)],
  [`GET /${kind}/{id}`, EVERYONE, at(entry(kind, "public"), (id) => `/${kind}/${id}`)],
  [`PATCH /${kind}/{id}`, PERSONAL, at(entry(kind, "private"), (id) => `/${kind}/${id}`, { name: "n" })],
  [`PATCH /${kind}/{id}`, OWN_SHARED, at(entry(kind, "workspace"), (id) => `/${kind}/${id}`, { name: "n" })],
  [`GET /${kind}/{id}/versions`, PERSONAL, at(entry(kind, "private"), (id) => `/${kind}/${id}/versions`)],
  [`GET /${kind}/{id}/versions`, MEMBERS, at(entry(kind, "workspace"), (id) => `/${kind}/${id}/versions`)],
  // Nothing is in it yet, which is past the question of rights.
  [`GET /${kind}/{id}/files`, PERSONAL, at(entry(kind, "private"), (id) => `/${kind}/${id}/files`)],
  [`GET /${kind}/{id}/files`, MEMBERS, at(entry(kind, "workspace"), (id) => `/${kind}/${id}/files`)],
  ...uploadsOf(kind),
  [`DELETE /${kind}/{id}`, PERSONAL, at(entry(kind, "private"), (id) => `/${kind}/${id}`)],
  [`DELETE /${kind}/{id}`, OWN_SHARED, at(entry(kind, "workspace"), (id) => `/${kind}/${id}`)],
  [
    `DELETE /${kind}/{id}`,
    "401 403 403 403 ok 403 403 ok",
    at(entry(kind, "public"), (id) => `/${kind}/${id}`),
  ],
];
/** Where no host is heard, or no upload was begun, they end past the question of rights. */
function uploadsOf(kind: "datasets" | "models"): [string, string, Question][] {
  const begin = { manifest_sha256: "0".repeat(64), total_size: 0, file_count: 0 };
  const part = "upload=1-1&path=a&offset=0&size=0";
  const requested = (suffix: string, body?: object) =>
    at(entry(kind, "workspace"), (id) => `/${kind}/${id}${suffix}`, body);
  return [
    [`POST /${kind}/{id}/uploads`, OWN_SHARED, requested("/uploads", begin)],
    [`GET /${kind}/{id}/upload-chunks`, OWN_SHARED, requested("/upload-chunks?upload=1-1&path=a")],
    [`PUT /${kind}/{id}/files`, OWN_SHARED, requested(`/files?${part}`)],
    [`PUT /${kind}/{id}/manifest`, OWN_SHARED, requested("/manifest?upload=1-1")],
    [`POST /${kind}/{id}/complete`, OWN_SHARED, requested("/complete", { upload: "1-1" })],
  ];
}

const shared = (kind: string) =>
  ({
    name: `shared ${kind}`,
    visibility: "workspace",
    get workspace_id() {
      return team;
    },
  }) as object;

/** What the author has, by the author's number. */
const ofAuthor =
  (path: string, body?: object): Question =>
  () => ({ path: `${path}?customer_id=${people.author.customerId}`, ...(body !== undefined && { body }) });

async function alarm(): Promise<number> {
  const { rows } = await api.db.query<{ id: number }>(
    "INSERT INTO alarms (kind, subject) VALUES ('host-floods', 'host-1') RETURNING id",
  );
  return rows[0]?.id ?? 0;
}

async function webhook(): Promise<number> {
  const { rows } = await api.db.query<{ id: number }>(
    "INSERT INTO webhooks (customer_id, url, secret) VALUES ($1, 'https://example.com/', 's') RETURNING id",
    [people.author.customerId],
  );
  return rows[0]?.id ?? 0;
}

const ofEnvironment = (verb: string, suffix: string, body?: object): Question =>
  at(environment, (id) => `/environments/${id}${suffix}`, verb === "POST" ? (body ?? {}) : body);

const RIGHTS: [route: string, expected: string, question: Question][] = [
  ["GET /me", EVERYONE, plain("/me")],

  ["POST /workspaces", EVERYONE, plain("/workspaces", { name: "mine" })],
  ["GET /workspaces", EVERYONE, plain("/workspaces")],
  ["GET /workspaces/{id}", MEMBERS, at(aWorkspace, (id) => `/workspaces/${id}`)],
  ["PATCH /workspaces/{id}", MANAGERS, at(aWorkspace, (id) => `/workspaces/${id}`, { name: "new" })],
  ["DELETE /workspaces/{id}", "401 404 403 403 403 403 ok ok", at(aWorkspace, (id) => `/workspaces/${id}`)],
  [
    "POST /workspaces/{id}/members",
    MANAGERS,
    async () => ({
      path: `/workspaces/${await aWorkspace()}/members`,
      body: { username: fresh("nobody") },
    }),
  ],
  ["GET /workspaces/{id}/invitations", MANAGERS, at(aWorkspace, (id) => `/workspaces/${id}/invitations`)],
  [
    "DELETE /workspaces/{id}/invitations/{invitation_id}",
    MANAGERS,
    async () => {
      const { id } = await post(`/workspaces/${team}/members`, people.owner, { username: fresh("nobody") });
      return { path: `/workspaces/${team}/invitations/${id}` };
    },
  ],
  ["GET /invitations", EVERYONE, plain("/invitations")],
  // Whoever is invited answers, and nobody else for them.
  [
    "POST /invitations/{id}/accept",
    ALONE,
    at(
      () => anInvitation("author"),
      (id) => `/invitations/${id}/accept`,
    ),
  ],
  [
    "POST /invitations/{id}/decline",
    ALONE,
    at(
      () => anInvitation("author"),
      (id) => `/invitations/${id}/decline`,
    ),
  ],

  ["POST /api-keys", EVERYONE, plain("/api-keys", { name: "another" })],
  ["GET /api-keys", EVERYONE, plain("/api-keys")],
  ["DELETE /api-keys/{id}", ALONE, at(ownKey, (id) => `/api-keys/${id}`)],
  // What it is opened with is missing, which is past the question of rights.
  ["GET /auth/oidc", PUBLIC, plain("/auth/oidc")],
  ["GET /auth/oidc/start", PUBLIC, plain("/auth/oidc/start")],
  ["GET /auth/oidc/callback", PUBLIC, plain("/auth/oidc/callback")],
  ["POST /auth/oidc/complete", PUBLIC, plain("/auth/oidc/complete", {})],
  ["POST /auth/oidc/device", PUBLIC, plain("/auth/oidc/device", {})],
  ["POST /auth/oidc/device/poll", PUBLIC, plain("/auth/oidc/device/poll", {})],
  ["POST /sessions", PUBLIC, plain("/sessions", {})],
  ["GET /sessions", EVERYONE, plain("/sessions")],
  ["DELETE /sessions/{id}", ALONE, at(ownSession, (id) => `/sessions/${id}`)],
  ["DELETE /sessions/current", EVERYONE, plain("/sessions/current")],
  ["DELETE /sessions/others", EVERYONE, plain("/sessions/others")],
  // It names no topic, which is past the question of rights (stream.test.ts).
  ["GET /stream", EVERYONE, plain("/stream?topics=")],
  ["POST /session-tickets", EVERYONE, plain("/session-tickets", {})],

  ["GET /workspaces/{id}/members", MEMBERS, at(aWorkspace, (id) => `/workspaces/${id}/members`)],
  [
    "GET /workspaces/{id}/members/{customer_id}",
    MEMBERS,
    at(aWorkspace, (id) => `/workspaces/${id}/members/${people.viewer.customerId}`),
  ],
  [
    "PATCH /workspaces/{id}/members/{customer_id}",
    MANAGERS,
    at(aWorkspace, (id) => `/workspaces/${id}/members/${people.viewer.customerId}`, { role: "admin" }),
  ],
  // Everybody may leave, so the viewer may remove the viewer.
  [
    "DELETE /workspaces/{id}/members/{customer_id}",
    "401 404 ok 403 403 ok ok ok",
    at(aWorkspace, (id) => `/workspaces/${id}/members/${people.viewer.customerId}`),
  ],

  [
    "POST /ssh-keys",
    EVERYONE,
    () => ({
      path: "/ssh-keys",
      body: {
        name: "k",
        public_key: publicKey(),
      },
    }),
  ],
  ["GET /ssh-keys", EVERYONE, plain("/ssh-keys")],
  ["GET /ssh-keys/{id}", PERSONAL, at(sshKey, (id) => `/ssh-keys/${id}`)],
  ["PATCH /ssh-keys/{id}", PERSONAL, at(sshKey, (id) => `/ssh-keys/${id}`, { name: "n" })],
  ["DELETE /ssh-keys/{id}", PERSONAL, at(sshKey, (id) => `/ssh-keys/${id}`)],

  ["POST /registry-credentials", EVERYONE, plain("/registry-credentials", login)],
  [
    "POST /registry-credentials",
    MANAGERS,
    () => ({ path: "/registry-credentials", body: { ...login, workspace_id: team } }),
  ],
  ["GET /registry-credentials", EVERYONE, plain("/registry-credentials")],
  ["GET /registry-credentials", MANAGERS, () => ({ path: `/registry-credentials?workspace_id=${team}` })],
  ["GET /registry-credentials/{id}", PERSONAL, at(ownCredential, (id) => `/registry-credentials/${id}`)],
  ["GET /registry-credentials/{id}", MANAGERS, at(teamCredential, (id) => `/registry-credentials/${id}`)],
  ["DELETE /registry-credentials/{id}", PERSONAL, at(ownCredential, (id) => `/registry-credentials/${id}`)],
  ["DELETE /registry-credentials/{id}", MANAGERS, at(teamCredential, (id) => `/registry-credentials/${id}`)],

  // Without funds the order itself is a 402, which is past the question of rights.
  ["POST /environments", EVERYONE, plain("/environments", { name: "e", image: "busybox", ...sized })],
  [
    "POST /environments",
    "401 404 403 ok ok ok ok ok",
    () => ({ path: "/environments", body: { name: "e", image: "busybox", ...sized, workspace_id: team } }),
  ],
  ["GET /environments", EVERYONE, plain("/environments")],
  ["GET /environments/{id}", MEMBERS, ofEnvironment("GET", "")],
  ["PATCH /environments/{id}", AUTHORS, ofEnvironment("PATCH", "", { name: "n" })],
  ["DELETE /environments/{id}", AUTHORS, ofEnvironment("DELETE", "")],
  ["POST /environments/{id}/start", AUTHORS, ofEnvironment("POST", "/start")],
  ["POST /environments/{id}/stop", AUTHORS, ofEnvironment("POST", "/stop")],
  ["POST /environments/{id}/restart", AUTHORS, ofEnvironment("POST", "/restart")],
  ["PUT /environments/{id}/urgent", ADMINS, ofEnvironment("PUT", "/urgent")],
  ["DELETE /environments/{id}/urgent", ADMINS, ofEnvironment("DELETE", "/urgent")],
  ...["PUT", "DELETE"].flatMap((verb): [string, string, Question][] => [
    [`${verb} /training-jobs/{id}/urgent`, ADMINS, at(trainingJob, (id) => `/training-jobs/${id}/urgent`)],
    [
      `${verb} /inference-services/{id}/urgent`,
      ADMINS,
      at(inferenceService, (id) => `/inference-services/${id}/urgent`),
    ],
  ]),
  ["POST /environments/{id}/exec", AUTHORS, ofEnvironment("POST", "/exec", { argv: ["true"] })],
  ["GET /training-jobs/{id}/output", MEMBERS, at(trainingJob, (id) => `/training-jobs/${id}/output`)],
  ["GET /training-jobs/{id}/files", MEMBERS, at(trainingJob, (id) => `/training-jobs/${id}/files`)],
  // What is to be removed is not named, which is past the question of rights.
  ["DELETE /training-jobs/{id}/output", AUTHORS, at(trainingJob, (id) => `/training-jobs/${id}/output`)],
  ["GET /environments/{id}/files", MEMBERS, ofEnvironment("GET", "/files")],
  // One that has not run has none, which is past the question of rights.
  ["PUT /environments/{id}/files", AUTHORS, ofEnvironment("PUT", "/files?path=/gemini/code/a")],
  ["GET /environments/{id}/upload-chunks", AUTHORS, ofEnvironment("GET", `/upload-chunks?${WHOLE_FILE}`)],
  [
    "PUT /environments/{id}/upload-chunks",
    AUTHORS,
    ofEnvironment("PUT", `/upload-chunks?${WHOLE_FILE}&offset=0`),
  ],
  [
    "POST /environments/{id}/complete-file",
    AUTHORS,
    ofEnvironment("POST", "/complete-file", { path: "/gemini/code/a", size: 1, sha256: "0".repeat(64) }),
  ],
  [
    "POST /environments/{id}/download-links",
    MEMBERS,
    ofEnvironment("POST", "/download-links", { path: "/gemini/code/a" }),
  ],
  ["GET /downloads/{token}", PUBLIC, plain("/downloads/nobodys")],
  ["GET /environments/{id}/events", MEMBERS, ofEnvironment("GET", "/events")],
  ["GET /environments/{id}/instances", MEMBERS, ofEnvironment("GET", "/instances")],
  ["GET /environments/{id}/history", MEMBERS, ofEnvironment("GET", "/history")],
  ["GET /environments/{id}/why", MEMBERS, ofEnvironment("GET", "/why")],
  ["GET /environments/{id}/access", MEMBERS, ofEnvironment("GET", "/access")],
  ["POST /environments/{id}/access", AUTHORS, ofEnvironment("POST", "/access")],
  // It opens a way in, which an administrator of the product gets none of.
  [
    "POST /environments/{id}/ssh-password",
    "401 404 403 403 ok ok ok 403",
    ofEnvironment("POST", "/ssh-password"),
  ],
  // Likewise.
  [
    "POST /environments/{id}/rdp-password",
    "401 404 403 403 ok ok ok 403",
    ofEnvironment("POST", "/rdp-password"),
  ],
  ["DELETE /environments/{id}/ssh-password", AUTHORS, ofEnvironment("DELETE", "/ssh-password")],
  ["GET /environments/{id}/sessions", AUTHORS, ofEnvironment("GET", "/sessions")],
  [
    "DELETE /environments/{id}/sessions/{session_id}",
    AUTHORS,
    async () => {
      const id = await environment();
      return { path: `/environments/${id}/sessions/${await accessSession(id)}` };
    },
  ],
  ["GET /environments/{id}/access-log", AUTHORS, ofEnvironment("GET", "/access-log")],
  // Where nothing runs it is a 409, which is past the question of rights.
  [
    "POST /environments/{id}/ssh-tickets",
    ADMINS,
    () => ofEnvironment("POST", "/ssh-tickets", { public_key: publicKey(), reason: "r" })(),
  ],
  ["GET /environments/{id}/ssh-tickets", MEMBERS, ofEnvironment("GET", "/ssh-tickets")],
  [
    "DELETE /environments/{id}/ssh-tickets/{ticket_id}",
    AUTHORS,
    async () => {
      const id = await environment();
      return { path: `/environments/${id}/ssh-tickets/${await sshTicket(id)}` };
    },
  ],
  // Where no gateway runs it is a 409, which is past the question of rights.
  [
    "POST /environments/{id}/links",
    "401 404 403 403 ok ok ok 403",
    () => ofEnvironment("POST", "/links", { service: "jupyter" })(),
  ],
  [
    "POST /environments/{id}/shares",
    "401 404 403 403 ok ok ok 403",
    () => ofEnvironment("POST", "/shares", { port: 8000 })(),
  ],
  ["GET /environments/{id}/shares", MEMBERS, ofEnvironment("GET", "/shares")],
  [
    "GET /environments/{id}/shares/{share_id}",
    MEMBERS,
    async () => {
      const id = await environment();
      return { path: `/environments/${id}/shares/${await webShare(id)}` };
    },
  ],
  [
    "PATCH /environments/{id}/shares/{share_id}",
    "401 404 403 403 ok ok ok 403",
    async () => {
      const id = await environment();
      const path = `/environments/${id}/shares/${await webShare(id)}`;
      return { path, body: {} };
    },
  ],
  [
    "DELETE /environments/{id}/shares/{share_id}",
    AUTHORS,
    async () => {
      const id = await environment();
      return { path: `/environments/${id}/shares/${await webShare(id)}` };
    },
  ],
  [
    "POST /inference-services/{id}/keys",
    "401 404 403 403 ok ok ok 403",
    at(inferenceService, (id) => `/inference-services/${id}/keys`, { name: "app" }),
  ],
  [
    "GET /inference-services/{id}/keys",
    MEMBERS,
    at(inferenceService, (id) => `/inference-services/${id}/keys`),
  ],
  [
    "DELETE /inference-services/{id}/keys/{key_id}",
    AUTHORS,
    async () => {
      const id = await inferenceService();
      return { path: `/inference-services/${id}/keys/${await serviceKey(id)}` };
    },
  ],
  ["GET /port-mappings", EVERYONE, plain("/port-mappings")],
  [
    "POST /port-mappings",
    AUTHORS,
    async () => ({
      path: "/port-mappings",
      body: { env_id: await environment(), service_type: "custom", internal_port: 7860 },
    }),
  ],
  ["DELETE /port-mappings/{id}", AUTHORS, at(portMapping, (id) => `/port-mappings/${id}`)],
  ["GET /environments/{id}/logs", MEMBERS, ofEnvironment("GET", "/logs")],

  ["GET /training-jobs", EVERYONE, plain("/training-jobs")],
  [
    "POST /training-jobs",
    EVERYONE,
    plain("/training-jobs", { name: "j", image: "busybox", command: "true", ...sized }),
  ],
  [
    "POST /training-jobs",
    "401 404 403 ok ok ok ok ok",
    () => ({
      path: "/training-jobs",
      body: { name: "j", image: "busybox", command: "true", ...sized, workspace_id: team },
    }),
  ],
  [
    "POST /training-jobs/dry-run",
    EVERYONE,
    plain("/training-jobs/dry-run", { name: "j", image: "busybox", command: "true", ...sized }),
  ],
  ["GET /schemas/training-job", PUBLIC, plain("/schemas/training-job")],
  ["GET /schemas/inference-service", PUBLIC, plain("/schemas/inference-service")],
  ["GET /training-job-groups", EVERYONE, plain("/training-job-groups")],
  ["GET /training-job-groups/{id}", MEMBERS, at(jobArray, (id) => `/training-job-groups/${id}`)],
  [
    "POST /training-job-groups/{id}/cancel",
    AUTHORS,
    at(jobArray, (id) => `/training-job-groups/${id}/cancel`),
  ],
  [
    "PATCH /training-job-groups/{id}",
    AUTHORS,
    at(jobArray, (id) => `/training-job-groups/${id}`, { priority: 3 }),
  ],
  ["DELETE /training-job-groups/{id}", AUTHORS, at(jobArray, (id) => `/training-job-groups/${id}`)],
  ["POST /training-jobs/{id}/retry", AUTHORS, at(trainingJob, (id) => `/training-jobs/${id}/retry`)],
  ["POST /code-uploads", EVERYONE, plain("/code-uploads", { sha256: "0".repeat(64), size: 1 })],
  // Of nobody but who brought it.
  [
    "PUT /code-uploads/{id}/parts/{part}",
    "401 404 404 404 404 404 404 404",
    plain("/code-uploads/code-9/parts/0"),
  ],
  [
    "POST /code-uploads/{id}/complete",
    "401 404 404 404 404 404 404 404",
    plain("/code-uploads/code-9/complete"),
  ],
  ["GET /training-jobs/{id}", MEMBERS, at(trainingJob, (id) => `/training-jobs/${id}`)],
  ...["confirm", "cancel"].map((verb): [string, string, Question] => [
    `POST /training-jobs/{id}/${verb}`,
    AUTHORS,
    at(trainingJob, (id) => `/training-jobs/${id}/${verb}`),
  ]),
  [
    "PATCH /training-jobs/{id}",
    AUTHORS,
    at(trainingJob, (id) => `/training-jobs/${id}`, { description: "d" }),
  ],
  ["DELETE /training-jobs/{id}", AUTHORS, at(trainingJob, (id) => `/training-jobs/${id}`)],
  [
    "POST /training-jobs/{id}/exec",
    AUTHORS,
    at(trainingJob, (id) => `/training-jobs/${id}/exec`, { argv: ["true"] }),
  ],
  [
    "POST /inference-services/{id}/exec",
    AUTHORS,
    at(inferenceService, (id) => `/inference-services/${id}/exec?rank=1`, { argv: ["true"] }),
  ],
  ...["events", "history", "instances", "logs", "why"].flatMap((word): [string, string, Question][] => [
    [`GET /training-jobs/{id}/${word}`, MEMBERS, at(trainingJob, (id) => `/training-jobs/${id}/${word}`)],
    [
      `GET /inference-services/{id}/${word}`,
      MEMBERS,
      at(inferenceService, (id) => `/inference-services/${id}/${word}`),
    ],
  ]),
  ["GET /inference-services", EVERYONE, plain("/inference-services")],
  ["GET /inference-services/{id}", MEMBERS, at(inferenceService, (id) => `/inference-services/${id}`)],
  [
    "POST /inference-services",
    EVERYONE,
    plain("/inference-services", { name: "s", image: "busybox", version: "1", ...sized }),
  ],
  [
    "POST /inference-services",
    "401 404 403 ok ok ok ok ok",
    () => ({
      path: "/inference-services",
      body: { name: "s", image: "busybox", version: "1", ...sized, workspace_id: team },
    }),
  ],
  [
    "PATCH /inference-services/{id}",
    AUTHORS,
    at(inferenceService, (id) => `/inference-services/${id}`, { description: "d" }),
  ],
  ...["start", "stop", "pause", "resume"].map((verb): [string, string, Question] => [
    `POST /inference-services/{id}/${verb}`,
    AUTHORS,
    at(inferenceService, (id) => `/inference-services/${id}/${verb}`),
  ]),
  [
    "POST /inference-services/{id}/scale",
    AUTHORS,
    at(inferenceService, (id) => `/inference-services/${id}/scale`, { replicas: 2 }),
  ],
  [
    "POST /inference-services/{id}/upgrade",
    AUTHORS,
    at(inferenceService, (id) => `/inference-services/${id}/upgrade`, { version: "2" }),
  ],
  [
    "POST /inference-services/{id}/rollback",
    AUTHORS,
    at(inferenceService, (id) => `/inference-services/${id}/rollback`),
  ],
  ...["revisions", "rollouts"].map((history): [string, string, Question] => [
    `GET /inference-services/{id}/${history}`,
    MEMBERS,
    at(inferenceService, (id) => `/inference-services/${id}/${history}`),
  ]),
  ...["traffic", "metrics"].map((word): [string, string, Question] => [
    `GET /inference-services/{id}/${word}`,
    MEMBERS,
    at(inferenceService, (id) => `/inference-services/${id}/${word}`),
  ]),
  ["DELETE /inference-services/{id}", AUTHORS, at(inferenceService, (id) => `/inference-services/${id}`)],

  ...data("datasets"),
  ...data("models"),

  ["GET /images", EVERYONE, plain("/images")],
  ["GET /images/{id}", EVERYONE, at(anImage, (id) => `/images/${id}`)],
  ["POST /images", ADMINS, () => ({ path: "/images", body: { name: fresh("image") } })],
  ["PATCH /images/{id}", ADMINS, at(anImage, (id) => `/images/${id}`, { status: "deprecated" })],
  ["DELETE /images/{id}", ADMINS, at(anImage, (id) => `/images/${id}`)],

  ["GET /prices", EVERYONE, plain("/prices")],
  [
    "POST /prices",
    ADMINS,
    () => ({
      path: "/prices",
      body: { spec: fresh("spec"), line: "cpu", unit_price: "1", billing_unit: "hour", new_spec: true },
    }),
  ],
  [
    "POST /prices/preview",
    ADMINS,
    plain("/prices/preview", {
      prices: [{ spec: "previewed", line: "cpu", unit_price: "1", billing_unit: "hour" }],
    }),
  ],
  ["POST /prices/examples", ADMINS, plain("/prices/examples")],
  ["GET /specs", EVERYONE, plain("/specs")],
  ["PUT /specs/{spec}", ADMINS, plain("/specs/small", { shape: { cpu: 1, memory: 1 } })],
  ["DELETE /specs/{spec}", ADMINS, at(aSpec, (spec) => `/specs/${spec}`)],
  ["POST /specs/{spec}/restore", ADMINS, at(aSpec, (spec) => `/specs/${spec}/restore`)],
  ["DELETE /specs/{spec}/lines/{line}", ADMINS, at(aSpec, (spec) => `/specs/${spec}/lines/cpu`)],
  [
    "POST /specs/{spec}/lines/{line}/restore",
    ADMINS,
    at(aSpec, (spec) => `/specs/${spec}/lines/cpu/restore`),
  ],
  ["GET /offers", EVERYONE, plain("/offers")],
  ["GET /specs/{spec}", EVERYONE, at(aSpec, (spec) => `/specs/${spec}`)],

  ["GET /billing/balance", EVERYONE, plain("/billing/balance")],
  [
    "GET /billing/balance",
    PERSONAL,
    () => ({ path: `/billing/balance?customer_id=${people.author.customerId}` }),
  ],
  ["GET /billing/records", EVERYONE, plain("/billing/records")],
  ["GET /billing/records", MANAGERS, () => ({ path: `/billing/records?workspace_id=${team}` })],
  [
    "GET /billing/records",
    PERSONAL,
    () => ({ path: `/billing/records?customer_id=${people.author.customerId}` }),
  ],
  // One that was charged for storage has no proof (409), which is past the question of rights.
  [
    "GET /billing/records/{id}/proof",
    "401 404 404 404 404 ok ok ok",
    at(storageRecord, (id) => `/billing/records/${id}/proof`),
  ],
  ["GET /billing/invoices", EVERYONE, plain("/billing/invoices")],
  [
    "GET /billing/invoices",
    PERSONAL,
    () => ({ path: `/billing/invoices?customer_id=${people.author.customerId}` }),
  ],
  ["GET /billing/invoices/{id}", PERSONAL, at(invoice, (id) => `/billing/invoices/${id}`)],
  ["GET /billing/statistics", EVERYONE, plain("/billing/statistics")],
  ["GET /billing/statistics", MANAGERS, () => ({ path: `/billing/statistics?workspace_id=${team}` })],
  [
    "GET /billing/statistics",
    PERSONAL,
    () => ({ path: `/billing/statistics?customer_id=${people.author.customerId}` }),
  ],
  ["GET /billing/events", EVERYONE, plain("/billing/events")],
  [
    "GET /billing/events",
    PERSONAL,
    () => ({ path: `/billing/events?customer_id=${people.author.customerId}` }),
  ],
  ["GET /billing/storage", EVERYONE, plain("/billing/storage")],
  ["GET /billing/storage", MANAGERS, () => ({ path: `/billing/storage?workspace_id=${team}` })],
  ["POST /billing/estimate", EVERYONE, plain("/billing/estimate", sized)],

  ["GET /billing/budget", EVERYONE, plain("/billing/budget")],
  ["GET /billing/budget", PERSONAL, ofAuthor("/billing/budget")],
  ["PUT /billing/budget", EVERYONE, plain("/billing/budget", { monthly_limit: "100" })],
  ["PUT /billing/budget", PERSONAL, ofAuthor("/billing/budget", { monthly_limit: null })],
  ["GET /billing/alerts", EVERYONE, plain("/billing/alerts")],
  ["GET /billing/alerts", PERSONAL, ofAuthor("/billing/alerts")],
  ["GET /billing/alert-thresholds", EVERYONE, plain("/billing/alert-thresholds")],
  ["GET /billing/alert-thresholds", PERSONAL, ofAuthor("/billing/alert-thresholds")],
  ["PUT /billing/alert-thresholds", EVERYONE, plain("/billing/alert-thresholds", { balances: ["5"] })],
  ["PUT /billing/alert-thresholds", PERSONAL, ofAuthor("/billing/alert-thresholds", { balances: null })],
  ["GET /billing/pending", ADMINS, plain("/billing/pending")],
  ["GET /billing/unrated", ADMINS, plain("/billing/unrated")],
  ["GET /billing/waived", ADMINS, plain("/billing/waived")],
  ["GET /billing/trial-balance", ADMINS, plain("/billing/trial-balance")],

  ["POST /webhooks", EVERYONE, plain("/webhooks", { url: "https://example.com/" })],
  ["GET /webhooks", EVERYONE, plain("/webhooks")],
  ["GET /webhooks/{id}", PERSONAL, at(webhook, (id) => `/webhooks/${id}`)],
  ["PATCH /webhooks/{id}", PERSONAL, at(webhook, (id) => `/webhooks/${id}`, { active: false })],
  ["DELETE /webhooks/{id}", PERSONAL, at(webhook, (id) => `/webhooks/${id}`)],
  ["GET /webhooks/{id}/deliveries", PERSONAL, at(webhook, (id) => `/webhooks/${id}/deliveries`)],
  ["POST /webhooks/{id}/secret", PERSONAL, at(webhook, (id) => `/webhooks/${id}/secret`, {})],
  ["POST /webhooks/{id}/test", PERSONAL, at(webhook, (id) => `/webhooks/${id}/test`, {})],

  [
    "POST /customers",
    ADMINS,
    () => {
      const username = fresh("new");
      return { path: "/customers", body: { username, email: `${username}@example.com` } };
    },
  ],
  ["GET /customers", ADMINS, plain("/customers")],
  ["GET /customers/{id}", ADMINS, () => ({ path: `/customers/${people.author.customerId}` })],
  [
    "POST /customers/{id}/delete-data",
    ADMINS,
    at(aCustomer, (id) => `/customers/${id}/delete-data`, { confirm_username: "x" }),
  ],
  ["GET /customers/{id}/data-removals", ADMINS, at(aCustomer, (id) => `/customers/${id}/data-removals`)],
  ["PATCH /customers/{id}", ADMINS, at(aCustomer, (id) => `/customers/${id}`, { display_name: "n" })],
  ["POST /customers/{id}/api-keys", ADMINS, at(aCustomer, (id) => `/customers/${id}/api-keys`, {})],
  ["GET /customers/{id}/api-keys", ADMINS, at(aCustomer, (id) => `/customers/${id}/api-keys`)],
  [
    "DELETE /customers/{id}/api-keys/{key_id}",
    ADMINS,
    async () => {
      const id = await aCustomer();
      const key = await post(`/customers/${id}/api-keys`, people.admin, {});
      return { path: `/customers/${id}/api-keys/${key.id}` };
    },
  ],
  ["GET /customers/{id}/identities", ADMINS, at(aCustomer, (id) => `/customers/${id}/identities`)],
  [
    "POST /customers/{id}/identities",
    ADMINS,
    async () => ({ path: `/customers/${await aCustomer()}/identities`, body: { subject: fresh("subject") } }),
  ],
  [
    "DELETE /customers/{id}/identities/{identity_id}",
    ADMINS,
    async () => {
      const path = `/customers/${await aCustomer()}/identities`;
      const { id } = await post(path, people.admin, { subject: fresh("subject") });
      return { path: `${path}/${id}` };
    },
  ],
  [
    "POST /customers/{id}/identity-invitations",
    ADMINS,
    at(aCustomer, (id) => `/customers/${id}/identity-invitations`, {}),
  ],
  [
    "POST /customers/{id}/top-ups",
    ADMINS,
    at(aCustomer, (id) => `/customers/${id}/top-ups`, { amount: "1" }),
  ],
  [
    "POST /customers/{id}/adjustments",
    ADMINS,
    at(aCustomer, (id) => `/customers/${id}/adjustments`, { amount: "-1", reason: "r" }),
  ],
  [
    "POST /customers/{id}/refunds",
    ADMINS,
    at(aCustomer, (id) => `/customers/${id}/refunds`, { amount: "1", run_id: "run-1" }),
  ],
  [
    "POST /customers/{id}/write-offs",
    ADMINS,
    at(aCustomer, (id) => `/customers/${id}/write-offs`, { amount: "1", reason: "r" }),
  ],
  ["GET /me/quota", EVERYONE, plain("/me/quota")],
  ["GET /customers/{id}/quota", ADMINS, at(aCustomer, (id) => `/customers/${id}/quota`)],
  ["PUT /customers/{id}/quota", ADMINS, at(aCustomer, (id) => `/customers/${id}/quota`, quota())],
  ["GET /workspaces/{id}/quota", ADMINS, at(aWorkspace, (id) => `/workspaces/${id}/quota`)],
  [
    "PUT /workspaces/{id}/share-weight",
    ADMINS,
    at(aWorkspace, (id) => `/workspaces/${id}/share-weight`, { share_weight: 2 }),
  ],
  [
    "PUT /customers/{id}/share-weight",
    ADMINS,
    at(aCustomer, (id) => `/customers/${id}/share-weight`, { share_weight: 2 }),
  ],
  ["PUT /workspaces/{id}/quota", ADMINS, at(aWorkspace, (id) => `/workspaces/${id}/quota`, quota())],

  ["GET /settings", ADMINS, plain("/settings")],
  ["GET /settings/{key}", ADMINS, plain("/settings/MIN_START_MINUTES")],
  ["PUT /settings/{key}", ADMINS, plain("/settings/MIN_START_MINUTES", { value: "60" })],

  ["GET /storage-pools", ADMINS, plain("/storage-pools")],
  ["GET /storage-pools/{name}", ADMINS, at(host, (id) => `/storage-pools/${id}`)],
  ["PUT /storage-pools/{name}", ADMINS, at(host, (id) => `/storage-pools/${id}`, { disk_bytes: null })],

  ["POST /join-tokens", ADMINS, plain("/join-tokens", {})],
  ["GET /hosts", ADMINS, plain("/hosts")],
  ["GET /hosts/{id}", ADMINS, at(host, (id) => `/hosts/${id}`)],
  ["PATCH /hosts/{id}", ADMINS, at(host, (id) => `/hosts/${id}`, { name: "n" })],
  ["DELETE /hosts/{id}", ADMINS, at(host, (id) => `/hosts/${id}`)],
  ["GET /hosts/{id}/gpus", ADMINS, at(host, (id) => `/hosts/${id}/gpus`)],
  ["GET /hosts/{id}/instances", ADMINS, at(host, (id) => `/hosts/${id}/instances`)],
  ["GET /hosts/{id}/pulls", ADMINS, at(host, (id) => `/hosts/${id}/pulls`)],
  ["GET /hosts/{id}/versions", ADMINS, at(host, (id) => `/hosts/${id}/versions`)],
  ["PUT /hosts/{id}/cve-waiver", ADMINS, at(host, (id) => `/hosts/${id}/cve-waiver`, { reason: "r" })],
  ["DELETE /hosts/{id}/cve-waiver", ADMINS, at(host, (id) => `/hosts/${id}/cve-waiver`)],
  ["GET /hosts/{id}/events", ADMINS, at(host, (id) => `/hosts/${id}/events`)],
  ["POST /hosts/{id}/cordon", ADMINS, at(host, (id) => `/hosts/${id}/cordon`, {})],
  ["POST /hosts/{id}/uncordon", ADMINS, at(host, (id) => `/hosts/${id}/uncordon`, {})],
  ["POST /hosts/{id}/drain", ADMINS, at(host, (id) => `/hosts/${id}/drain`, {})],
  ["POST /hosts/{id}/revoke", ADMINS, at(host, (id) => `/hosts/${id}/revoke`, {})],
  ["POST /hosts/{id}/confirm-pool", ADMINS, at(host, (id) => `/hosts/${id}/confirm-pool`, {})],
  [
    "POST /hosts/{id}/confirm-stops",
    ADMINS,
    at(host, (id) => `/hosts/${id}/confirm-stops`, { generation: 0 }),
  ],
  [
    "POST /hosts/{id}/confirm-address",
    ADMINS,
    at(host, (id) => `/hosts/${id}/confirm-address`, { address: "10.0.0.1" }),
  ],
  ["GET /gpus/{uuid}/history", ADMINS, at(gpu, (uuid) => `/gpus/${uuid}/history`)],
  ["POST /gpus/{uuid}/cordon", ADMINS, at(gpu, (uuid) => `/gpus/${uuid}/cordon`, {})],
  ["POST /gpus/{uuid}/uncordon", ADMINS, at(gpu, (uuid) => `/gpus/${uuid}/uncordon`, {})],

  ["GET /queue", EVERYONE, plain("/queue")],
  ["GET /search", EVERYONE, plain("/search?q=a")],
  ["GET /sentences", PUBLIC, plain("/sentences?language=zh")],
  ["GET /billing/payments", EVERYONE, plain("/billing/payments")],
  ["GET /billing/payments", PERSONAL, ofAuthor("/billing/payments")],
  ["GET /customers/{id}/payments", ADMINS, at(aCustomer, (id) => `/customers/${id}/payments`)],
  ["GET /fleet", ADMINS, plain("/fleet")],
  ["GET /fleet/map", ADMINS, plain("/fleet/map")],
  ["GET /fleet/upgrade", ADMINS, plain("/fleet/upgrade")],
  ["GET /fleet/upgrade/hosts", ADMINS, plain("/fleet/upgrade/hosts")],
  ["POST /fleet/upgrade", ADMINS, plain("/fleet/upgrade", { version: "0.2.0" })],
  ["POST /fleet/upgrade/pause", ADMINS, plain("/fleet/upgrade/pause", {})],
  ["POST /fleet/upgrade/resume", ADMINS, plain("/fleet/upgrade/resume", {})],
  ["POST /fleet/upgrade/abort", ADMINS, plain("/fleet/upgrade/abort", {})],
  ["GET /audit-log", ADMINS, plain("/audit-log")],
  ["GET /quarantine", ADMINS, plain("/quarantine")],
  ["GET /alarms", ADMINS, plain("/alarms")],
  ["POST /alarms/{id}/clear", ADMINS, at(alarm, (id) => `/alarms/${id}/clear`, {})],

  // Proofs stand in for keys: without a good one everybody is refused, which their own tests show.
  ["POST /hosts/join", PUBLIC, plain("/hosts/join", {})],
  ["POST /hosts/{id}/credential", PUBLIC, plain("/hosts/host-1/credential", {})],
];

function quota(): object {
  return { cpu_quota: 1, memory_quota: 1, gpu_quota: 1, storage_quota: 1, environment_quota: 1 };
}

test.each(RIGHTS)("%s: %s", async (route, expected, question) => {
  const method = route.split(" ")[0] ?? "";
  const visible: string[] = [];
  let resource = await question();
  for (const state of RANK_STATES) {
    const options: RequestOptions = { body: resource.body, ...(state !== "nobody" && { as: people[state] }) };
    const { status } = await api.request(method, `/api/v1${resource.path}`, options);
    const refused = [401, 403, 404].includes(status);
    visible.push(refused ? String(status) : "ok");
    // Whoever was let through may have changed or deleted it.
    if (!refused && method !== "GET") resource = await question();
  }

  expect(visible.join(" ")).toBe(expected);
});

describe("the scope of the key", () => {
  /** Where the method does not say it: GET needs `read`, everything else `orders`. */
  const EXCEPTIONS: Record<string, string[]> = {
    // What a webhook tells of decides (webhooks.test.ts).
    any: [
      "GET /me",
      "DELETE /api-keys/{id}",
      "DELETE /sessions/{id}",
      "DELETE /sessions/current",
      "DELETE /sessions/others",
      "POST /session-tickets",
      "GET /stream",
      "POST /webhooks",
      "GET /webhooks",
      "GET /webhooks/{id}",
      "PATCH /webhooks/{id}",
      "DELETE /webhooks/{id}",
      "GET /webhooks/{id}/deliveries",
      "POST /webhooks/{id}/secret",
      "POST /webhooks/{id}/test",
    ],
    read: ["POST /billing/estimate"],
    money: [
      "GET /billing/balance",
      "GET /billing/records",
      "GET /billing/records/{id}/proof",
      "GET /billing/invoices",
      "GET /billing/invoices/{id}",
      "GET /billing/statistics",
      "GET /billing/events",
      "GET /billing/payments",
      "GET /customers/{id}/payments",
      "GET /billing/storage",
      "GET /billing/budget",
      "PUT /billing/budget",
      "GET /billing/alerts",
      "GET /billing/alert-thresholds",
      "PUT /billing/alert-thresholds",
      "GET /billing/pending",
      "GET /billing/unrated",
      "GET /billing/waived",
      "GET /billing/trial-balance",
      "POST /customers/{id}/top-ups",
      "POST /customers/{id}/adjustments",
      "POST /customers/{id}/refunds",
      "POST /customers/{id}/write-offs",
      "POST /prices",
      "POST /prices/preview",
      "POST /prices/examples",
      "PUT /specs/{spec}",
      "DELETE /specs/{spec}",
      "POST /specs/{spec}/restore",
      "DELETE /specs/{spec}/lines/{line}",
      "POST /specs/{spec}/lines/{line}/restore",
    ],
  };
  const scopeOf = (route: string) =>
    Object.keys(EXCEPTIONS).find((scope) => EXCEPTIONS[scope]?.includes(route)) ??
    (route.startsWith("GET ") ? "read" : "orders");
  const routes = [...new Set(RIGHTS.filter(([, expected]) => expected !== PUBLIC).map(([route]) => route))];

  test("is declared by every route, and by none without a key", async () => {
    const { paths } = (await api.request("GET", "/openapi.json")).body;
    const declared = Object.entries<Record<string, { "x-access": string; "x-scope"?: string }>>(
      paths,
    ).flatMap(([path, item]) =>
      Object.entries(item).map(([method, operation]): [string, string | undefined] => [
        `${method.toUpperCase()} ${path.replace("/api/v1", "")}`,
        operation["x-scope"],
      ]),
    );

    expect(Object.fromEntries(declared.filter(([, scope]) => scope !== undefined))).toEqual(
      Object.fromEntries(routes.map((route) => [route, scopeOf(route)])),
    );
  });

  test("is required, and named to a key that lacks it, before anything else is checked", async () => {
    const scopes = ["read", "orders", "money"] as const;
    const keys = await Promise.all(
      scopes.map(async (scope) => await api.key(people.admin, { scopes: [scope] })),
    );
    const metrics = await api.key(people.admin, { role: "metrics" });

    for (const route of routes) {
      const [method = "", pattern = ""] = route.split(" ");
      const path = `/api/v1${pattern.replaceAll(/\{[a-z_]+\}/g, "999999")}`;
      const reported = await Promise.all(
        [...keys, metrics].map(async (as) => {
          const { status, body } = await api.request(method, path, { as });
          return status === 403 ? body.detail : "let through";
        }),
      );

      const needed = scopeOf(route);
      const expected = scopes.map((scope) =>
        needed === "any" || needed === scope
          ? "let through"
          : `This key lacks the scope ${needed}; it has ${scope}.`,
      );
      expect([route, ...reported]).toEqual([route, ...expected, "This key reads /metrics and nothing else."]);
    }
  });

  test("money is required for a customer's credit limit, though the account's other fields are orders", async () => {
    const as = await api.key(people.admin, { scopes: ["read", "orders"] });
    const path = `/api/v1/customers/${people.author.customerId}`;

    const named = await api.request("PATCH", path, { as, body: { display_name: "n" } });
    const limited = await api.request("PATCH", path, { as, body: { credit_limit: "1000000" } });

    expect(named.status).toBe(200);
    expect(limited).toMatchObject({
      status: 403,
      body: { detail: expect.stringContaining("the scope money") },
    });
  });
});

test("what is another's and what does not exist are answered alike", async () => {
  const foreign = people.owner.workspaceId;
  const missing = 999_999;

  const answers = await Promise.all(
    [foreign, missing].map((id) => api.request("GET", `/api/v1/workspaces/${id}`, { as: people.stranger })),
  );

  const withoutId = answers.map(({ body }) =>
    JSON.stringify(body).replace(
      /(?<="trace_id":")[0-9a-f]+|\d{2,}|workspace \d+|(?<="workspace_id":)\d+/g,
      "…",
    ),
  );
  expect(withoutId[0]).toBe(withoutId[1]);
});

test("lists show nothing that belongs to others", async () => {
  for (const path of [
    "/workspaces",
    "/environments",
    "/training-jobs",
    "/inference-services",
    "/datasets?visibility=private",
    "/ssh-keys",
    "/billing/records",
    "/billing/invoices",
  ]) {
    const { items } = (await api.request("GET", `/api/v1${path}`, { as: people.stranger })).body;
    const owners = items.map(
      (item: { owner_id?: number; customer_id?: number }) => item.owner_id ?? item.customer_id,
    );
    expect(
      new Set(
        owners.filter((id: number | undefined) => id !== undefined && id !== people.stranger.customerId),
      ),
    ).toEqual(new Set());
  }
});

/** Each once, with the first of its questions. */
const CHANGES = RIGHTS.filter(
  ([route, rights], at) =>
    !route.startsWith("GET ") && rights !== PUBLIC && RIGHTS.findIndex(([first]) => first === route) === at,
);

/** Asked by POST since they are long; they change nothing. */
const QUESTIONS = ["POST /training-jobs/dry-run", "POST /billing/estimate", "POST /prices/preview"];

describe("every route that changes something", () => {
  beforeAll(async () => {
    await api.db.query(`
      CREATE FUNCTION refuse_entry() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'the audit log is full' USING ERRCODE = 'disk_full'; END $$;
      CREATE TRIGGER takes_none BEFORE INSERT ON audit_log FOR EACH ROW EXECUTE FUNCTION refuse_entry()`);
    await takesEntries(true);
  });
  const takesEntries = async (does: boolean) =>
    await api.db.query(`ALTER TABLE audit_log ${does ? "DISABLE" : "ENABLE"} TRIGGER takes_none`);
  const rowsOf = async (headers: Headers) =>
    (
      await api.db.query(
        "SELECT actor_customer_id, actor_role, outcome, status, action FROM audit_log WHERE request_id = $1",
        [headers.get("X-Request-Id")],
      )
    ).rows;

  test.each(CHANGES)("%s leaves one row, and changes nothing without it", async (route, _, question) => {
    const [method = ""] = route.split(" ");
    const { path, body } = await question();
    const isQuestion = QUESTIONS.includes(route);
    const requestAs = async (who: "admin" | "stranger") =>
      await api.request(method, `/api/v1${path}`, { as: people[who], body });

    const before = await fingerprint(api.db, TRACES);
    await takesEntries(false);
    const vain = await requestAs("admin").finally(async () => await takesEntries(true));
    expect(await fingerprint(api.db, TRACES)).toBe(before);
    expect(isQuestion || vain.status >= 400).toBe(true);

    for (const who of ["stranger", "admin"] as const) {
      const { status, headers } = await requestAs(who);

      const rows = await rowsOf(headers);
      const row = {
        actor_customer_id: people[who].customerId,
        actor_role: who === "admin" ? "admin" : "customer",
        outcome: status < 400 ? "done" : status < 500 ? "refused" : "failed",
        status,
        action: expect.stringMatching(/^[a-z-]+\.[a-z-]+$/),
      };
      expect(rows).toEqual(isQuestion ? [] : [row]);
    }
    // Refused attempts are counted by the minute.
    api.passMinutes(1);
  });
});

describe("the audit log", () => {
  const entries = async () =>
    (await api.request("GET", "/api/v1/audit-log?limit=5", { as: people.admin })).body.items as {
      method: string;
      route: string;
      subject: string;
      status: number;
      actor_customer_id: number;
    }[];

  test("has an admin's access to a customer's environment, and its stop", async () => {
    const id = await environment();

    await api.request("GET", `/api/v1/environments/${id}`, { as: people.admin });
    await api.request("POST", `/api/v1/environments/${id}/stop`, { as: people.admin, body: {} });

    const [stop, check] = await entries();
    expect(check).toMatchObject({ method: "GET", subject: `environment ${id}`, status: 200 });
    expect(stop).toMatchObject({
      method: "POST",
      route: `/api/v1/environments/${id}/stop`,
      status: 409,
      actor_customer_id: people.admin.customerId,
    });
  });

  test("has an admin's access to a customer's job and service, and to everybody's", async () => {
    const [job, service] = [await trainingJob(), await inferenceService()];

    for (const path of [`training-jobs/${job}`, `inference-services/${service}`, "training-jobs"])
      await api.request("GET", `/api/v1/${path}`, { as: people.admin });

    expect((await entries()).slice(0, 3).map(({ subject }) => subject)).toEqual([
      "training jobs",
      `inference service ${service}`,
      `training job ${job}`,
    ]);
  });

  test("has an admin's access to a customer's bill, and every change through an admin route", async () => {
    const { customerId } = people.author;

    await api.request("GET", `/api/v1/billing/balance?customer_id=${customerId}`, { as: people.admin });
    await api.request("GET", `/api/v1/billing/records?customer_id=${customerId}`, { as: people.admin });
    await api.request("GET", `/api/v1/billing/storage?workspace_id=${team}`, { as: people.admin });
    await api.request("POST", `/api/v1/customers/${customerId}/top-ups`, {
      as: people.admin,
      body: { amount: "1" },
    });

    expect((await entries()).slice(0, 4).map(({ subject }) => subject)).toEqual([
      `customers/${customerId}/top-ups`,
      `workspace ${team}`,
      `bills of customer ${customerId}`,
      `balance of customer ${customerId}`,
    ]);
  });

  test("does not have an admin's access to their own things, nor a customer's", async () => {
    const [before] = await entries();

    await api.request("GET", "/api/v1/billing/balance", { as: people.admin });
    await api.request("GET", `/api/v1/workspaces/${people.admin.workspaceId}`, { as: people.admin });
    await api.request("GET", `/api/v1/workspaces/${team}`, { as: people.owner });

    expect((await entries())[0]).toEqual(before);
  });
});

describe("the OpenAPI document", () => {
  const METHODS = ["get", "post", "put", "patch", "delete"];

  async function documented(): Promise<string[]> {
    const { body } = await api.request("GET", "/openapi.json");
    return Object.entries(body.paths as Record<string, object>).flatMap(([path, item]) =>
      Object.keys(item)
        .filter((method) => METHODS.includes(method))
        .map((method) => `${method.toUpperCase()} ${path}`),
    );
  }

  test("has every route that the app answers", async () => {
    const answered = api.app.routes
      .filter(({ method }) => METHODS.includes(method.toLowerCase()))
      // The dashboard's addresses and the pages below /docs are no API; / is one of the server's own.
      .filter(({ path }) => path === "/" || !isOfDashboard(path))
      .filter(({ path }) => !PAGES_BELOW_DOCS.includes(path))
      .map(({ method, path }) => `${method} ${path.replaceAll(/:([a-z_]+)/g, "{$1}")}`);

    expect(new Set(await documented())).toEqual(new Set(answered));
  });

  test("is OpenAPI 3.1 and names who may call each route", async () => {
    const { body } = await api.request("GET", "/openapi.json");

    expect(body.openapi).toBe("3.1.0");
    for (const item of Object.values(body.paths as Record<string, Record<string, { "x-access": string }>>))
      for (const operation of Object.values(item))
        expect(["public", "customer", "admin"]).toContain(operation["x-access"]);
  });

  test("takes an Idempotency-Key on every POST with a key, and states where a dead request holds it for a while", async () => {
    const { body } = await api.request("GET", "/openapi.json");
    const bounded: Record<string, unknown> = {};
    for (const [path, { post }] of Object.entries(body.paths as Record<string, { post?: PostOperation }>)) {
      if (post === undefined) continue;
      const key = post.parameters?.find(({ name }) => name === "Idempotency-Key");
      expect(key !== undefined).toBe(post["x-access"] !== "public");
      const bound = post["x-idempotency-bound-seconds"];
      if (bound === undefined) continue;
      bounded[path] = bound;
      expect(key?.description).toContain(`${bound} s`);
    }

    // Whatever else a POST does is one transaction with its answer; a handler that does otherwise fails.
    expect(bounded).toEqual({
      "/api/v1/environments/{id}/access": 30,
      "/api/v1/environments/{id}/exec": 80,
      "/api/v1/inference-services/{id}/exec": 80,
      "/api/v1/port-mappings": 30,
      "/api/v1/training-jobs/{id}/exec": 80,
    });
  });

  interface PostOperation {
    "x-access": string;
    "x-idempotency-bound-seconds"?: number;
    parameters?: { name: string; description?: string }[];
  }

  test("has no route whose rights are not in the table above", async () => {
    const inTable = new Set(RIGHTS.map(([route]) => route.replace(" ", " /api/v1")));
    const ofTheServer = (route: string) => !route.includes(" /api/v1/");

    expect((await documented()).filter((route) => !inTable.has(route) && !ofTheServer(route))).toEqual([]);
    expect([...inTable].filter((route) => !api.app.routes.some((known) => matches(route, known)))).toEqual(
      [],
    );
  });

  const matches = (route: string, known: { method: string; path: string }) =>
    route === `${known.method} ${known.path.replaceAll(/:([a-z_]+)/g, "{$1}")}`;

  test("the page for people needs nothing from elsewhere", async () => {
    const page = await api.request("GET", "/docs/reference");

    expect(page.status).toBe(200);
    expect(page.body).toContain("/api/v1/environments");
    // Examples may name other places; nothing is loaded from there and nothing leads there.
    expect(page.body).not.toMatch(/<script|(?:src|href|action)="https?:\/\/(?!127\.0\.0\.1)|url\(|@import/);
  });
});

describe("the server's own routes", () => {
  test.each(["/healthz", "/readyz"])("%s is open and well", async (path) => {
    expect((await api.request("GET", path)).status).toBe(200);
  });

  test("the API's base states which API it is, and leads to its description", async () => {
    const answer = await api.request("GET", "/api/v1");

    expect(answer).toMatchObject({
      status: 200,
      body: { name: "RemoteGPU", version: api.deps.config.version },
    });
    const { body: document } = await api.request("GET", answer.body.openapi);
    expect(document.info).toMatchObject({ title: answer.body.name, version: answer.body.version });
    expect((await api.request("GET", answer.body.docs)).contentType).toContain("text/html");
  });

  test("metrics are Prometheus text, for this machine and for administrators", async () => {
    const local = await api.request("GET", "/metrics");
    const forwarded = { "X-Forwarded-For": "192.0.2.1" };

    expect(local.body).toMatch(/^remotegpu_gpus \d+$/m);
    expect(local.body).toMatch(
      /^remotegpu_http_requests_total\{method="GET",route="\/api\/v1\/me",status="200"\} \d+$/m,
    );
    expect((await api.request("GET", "/metrics", { headers: forwarded })).status).toBe(401);
    expect((await api.request("GET", "/metrics", { as: people.author, headers: forwarded })).status).toBe(
      403,
    );
    expect((await api.request("GET", "/metrics", { as: people.admin, headers: forwarded })).status).toBe(200);
  });

  test("metrics are open to a key of the role metrics, and to an administrator's that reads", async () => {
    const requested = async (as: Caller) =>
      (await api.request("GET", "/metrics", { as, headers: { "X-Forwarded-For": "192.0.2.1" } })).status;

    expect(await requested(await api.key(people.stranger, { role: "metrics" }))).toBe(200);
    expect(await requested(await api.key(people.admin, { scopes: ["read"] }))).toBe(200);
    expect(await requested(await api.key(people.admin, { scopes: ["orders", "money"] }))).toBe(403);
  });

  test("metrics of a fleet at work are as Prometheus' own tool wants them", async () => {
    await gpu();
    await api.db.query(
      "UPDATE hosts SET connection = 'connected' WHERE id = (SELECT max(host_id) FROM gpus)",
    );
    await environment();
    await post(`/customers/${people.author.customerId}/top-ups`, people.admin, { amount: "1" });
    const { body: input } = await api.request("GET", "/metrics");

    const checked = await execa("promtool", ["check", "metrics"], { input, reject: false, all: true });

    expect({ exitCode: checked.exitCode, reported: checked.all }).toEqual({ exitCode: 0, reported: "" });
    const families = [...String(input).matchAll(/^# TYPE (\S+) /gm)].map(([, family]) => family ?? "");
    expect(families.length).toBeGreaterThan(8);
    expect(families.filter((family) => !new RegExp(`^${family}\\S* \\S`, "m").test(input))).toEqual([]);
  });

  test("without a bundle there is no install script, and a file's name cannot leave the folder", async () => {
    expect((await api.request("GET", "/install.sh")).status).toBe(404);
    for (const path of ["/bundles/..%2fsecret", "/bundles/.env", "/bundles/a"])
      expect([404, 422]).toContain((await api.request("GET", path)).status);
    // For every client that is the address of the server itself.
    expect((await api.request("GET", "/bundles/%2e%2e")).status).toBe(302);
  });
});
