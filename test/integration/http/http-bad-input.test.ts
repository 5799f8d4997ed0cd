/**
 * Whatever is sent to whichever route: a legitimate success, or a refusal that names the field and leaves nothing
 * behind; never our fault. The routes and their schemas are read from the API's own document, so a new route is
 * tested without being mentioned here. More runs: FUZZ_RUNS=1000.
 */
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { breaches, brokenFilters } from "../../support/http/schema-breaches.ts";
import { openApi, type Answer, type ApiWorld, type Caller } from "../../support/http/api.ts";
import { fingerprint as fingerprintOf } from "../../support/engines/fingerprint.ts";
import {
  bodies,
  friendlyBody,
  type JsonSchema,
  METACHARACTERS,
  type Schemas,
  textPlaces,
  withText,
} from "../../support/http/hostile-values.ts";

const RUNS = Number(process.env.FUZZ_RUNS ?? 12);

interface Operation {
  "x-access": "public" | "customer" | "admin";
  parameters?: { name: string; in: string; required: boolean; schema: JsonSchema }[];
  requestBody?: { content: Record<string, { schema: JsonSchema; example?: unknown }> };
  responses: Record<string, unknown>;
}
interface Route {
  method: string;
  path: string;
  operation: Operation;
}

const api: ApiWorld = await openApi();
const { paths, components } = (await api.request("GET", "/openapi.json")).body as {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Schemas };
};
const routes: Route[] = Object.entries(paths)
  .filter(([path]) => path.startsWith("/api/v1/"))
  .flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })),
  );

let customer: Caller & { workspaceId: number };
let ids: Record<string, string>;

beforeAll(async () => {
  customer = await api.customer("fuzz");
  const other = await api.customer("other");
  const make = async (path: string, body: object, as: Caller) =>
    String((await api.request("POST", `/api/v1${path}`, { as, body })).body.id);
  await api.db.query("INSERT INTO hosts (id, name, ip_address) VALUES ('host-1', 'h', '10.0.0.1')");
  await api.db.query("INSERT INTO gpus (host_id, gpu_index, uuid) VALUES ('host-1', 0, 'GPU-00000000-1')");
  await api.db.query(
    `INSERT INTO environments (id, customer_id, workspace_id, name, image, status, cpu, memory)
     VALUES ('env-1', $1, $2, 'e', 'busybox', 'stopped', 1, 1073741824)`,
    [customer.customerId, customer.workspaceId],
  );
  await api.db.query(
    `INSERT INTO training_jobs (id, customer_id, workspace_id, name, image, command, status)
     VALUES ('job-1', $1, $2, 'j', 'busybox', 'true', 'completed')`,
    [customer.customerId, customer.workspaceId],
  );
  await api.db.query(
    `INSERT INTO training_job_groups (id, customer_id, workspace_id, name, first_index, last_index, created_at)
     VALUES ('jobs-1', $1, $2, 'a', 0, 3, now())`,
    [customer.customerId, customer.workspaceId],
  );
  await api.db.query(
    `INSERT INTO inference_services (id, customer_id, workspace_id, name, image, status)
     VALUES ('service-1', $1, $2, 's', 'busybox', 'stopped')`,
    [customer.customerId, customer.workspaceId],
  );
  const mapping = await api.db.query<{ id: number }>(
    "INSERT INTO port_mappings (env_id, service_type, external_port, internal_port) VALUES ('env-1', 'ssh', 30001, 22) RETURNING id",
  );
  const share = await api.db.query<{ id: number }>(
    `INSERT INTO web_shares (env_id, target, token_hash, customer_id, made_at, expires_at)
     VALUES ('env-1', '8000', 'share-1', $1, now(), now() + interval '1 hour') RETURNING id`,
    [customer.customerId],
  );
  const workspace = await make("/workspaces", { name: "w" }, customer);
  await api.join(Number(workspace), customer, other);
  const invite = async (to: string, by: Caller, body: object) =>
    await make(`/workspaces/${to}/members`, body, by);
  ids = {
    "/workspaces/{id}": workspace,
    "/environments/{id}": "env-1",
    "/port-mappings/{id}": String(mapping.rows[0]?.id),
    "{share_id}": String(share.rows[0]?.id),
    "/training-jobs/{id}": "job-1",
    "/training-job-groups/{id}": "jobs-1",
    "/inference-services/{id}": "service-1",
    "/datasets/{id}": await make("/datasets", { name: "d" }, customer),
    "/models/{id}": await make("/models", { name: "m" }, customer),
    "/images/{id}": await make("/images", { name: "busybox" }, api.admin),
    "/customers/{id}": String(other.customerId),
    "/hosts/{id}": "host-1",
    "/gpus/{uuid}": "GPU-00000000-1",
    "/specs/{spec}": "default",
    "/settings/{key}": "MIN_START_MINUTES",
    "/storage-pools/{name}": "host-1",
    "/webhooks/{id}": await make("/webhooks", { url: "https://example.com/" }, customer),
    "/registry-credentials/{id}": await make(
      "/registry-credentials",
      { registry: "ghcr.io", username: "u", password: "p" },
      customer,
    ),
    "/ssh-keys/{id}": await make(
      "/ssh-keys",
      { name: "k", public_key: `ssh-ed25519 ${ED25519_BODY}` },
      customer,
    ),
    "{customer_id}": String(other.customerId),
    "{invitation_id}": await invite(workspace, customer, { username: "nobody" }),
    "/invitations/{id}": await invite(String(other.workspaceId), other, { username: "fuzz" }),
    "/api-keys/{id}": String(
      (await api.request("POST", "/api/v1/api-keys", { as: customer, body: {} })).body.id,
    ),
    "{key_id}": "1",
  };
});
afterAll(async () => await api.close());

const ED25519_BODY = Buffer.concat([
  Buffer.from([0, 0, 0, 11]),
  Buffer.from("ssh-ed25519"),
  Buffer.from([0, 0, 0, 32]),
  Buffer.alloc(32, 7),
]).toString("base64");

/** What can stand in a URL: lone surrogates cannot, and an empty name is another route. */
const HOSTILE_NAMES = [
  "\u0000",
  "a\u0000b",
  "x".repeat(300),
  "'; DROP TABLE customers; --",
  "$(reboot)",
  "a\nb",
  "../../etc/passwd",
  "99999999999999999999999999",
  "-1",
  "1e309",
  "😀",
  "__proto__",
];

function callerOf({ operation }: Route): Caller | undefined {
  switch (operation["x-access"]) {
    case "public":
      return undefined;
    case "customer":
      return customer;
    case "admin":
      return api.admin;
  }
}

/** The route's path with the ids of things that are there. */
function existing(path: string): string {
  return Object.entries(ids).reduce((filled, [part, id]) => {
    const wanted = part.startsWith("/")
      ? part.replace(/\{\w+\}/, encodeURIComponent(id))
      : encodeURIComponent(id);
    return filled.replace(part, wanted);
  }, path);
}

/** All tables but those in which every request leaves a trace. */
const TRACES = new Set(["audit_log", "idempotency_keys", "schema_migrations"]);
const fingerprint = async () => await fingerprintOf(api.db, TRACES);

/** A problem document, of a status that the document of the API has for this route. */
function expectNamed(answer: Answer, { operation }: Route): void {
  expect(answer.headers.get("Content-Type")).toBe("application/problem+json");
  expect(Object.keys(operation.responses)).toContain(String(answer.status));
  expect(answer.body).toMatchObject({
    status: answer.status,
    title: expect.any(String),
    detail: expect.any(String),
  });
  if (answer.status !== 422) return;
  expect(answer.body.errors.length).toBeGreaterThan(0);
  for (const error of answer.body.errors) {
    expect(error.path).not.toBe("");
    expect(error.message).not.toBe("");
  }
}

describe("bodies", () => {
  const withBody = routes.flatMap((route) => {
    const content = route.operation.requestBody?.content["application/json"];
    return content === undefined ? [] : [{ name: `${route.method} ${route.path}`, route, ...content }];
  });

  test.each(withBody)("$name", async ({ route, schema }) => {
    let before = await fingerprint();
    await fc.assert(
      fc.asyncProperty(bodies(schema, components.schemas), async (body) => {
        const answer = await api.request(route.method, `/api/v1${existing(route.path.slice(7))}`, {
          as: callerOf(route),
          body: JSON.stringify(body),
        });

        expect(answer.status).toBeLessThan(500);
        const after = await fingerprint();
        if (answer.status < 400) {
          expectEcho(body, answer.body);
          before = after;
          return;
        }
        expectNamed(answer, route);
        expect(after).toBe(before);
      }),
      { numRuns: RUNS },
    );
  });

  test.each(withBody)(
    "$name takes metacharacters in any of its texts literally, or refuses them by name",
    async ({ route, schema }) => {
      const friendly = friendlyBody(schema, components.schemas);
      for (const place of textPlaces(schema, components.schemas)) {
        const before = await fingerprint();
        let areAllRefused = true;
        for (const text of METACHARACTERS) {
          const body = withText(friendly, place, text);

          const answer = await api.request(route.method, `/api/v1${existing(route.path.slice(7))}`, {
            as: callerOf(route),
            body: JSON.stringify(body),
          });

          expect(answer.status, `${place.join(".")}: ${text}`).toBeLessThan(500);
          if (answer.status >= 400) expectNamed(answer, route);
          else {
            areAllRefused = false;
            expectEcho(body, answer.body);
          }
        }
        // Looking after each request would take most of the time; the bodies at random above are looked at so.
        expect(areAllRefused ? await fingerprint() : before).toBe(before);
      }
    },
  );

  test.each(withBody)(
    "$name refuses whatever breaks one rule of its schema, by the field",
    async ({ route, schema, example }) => {
      const path = `/api/v1${existing(route.path.slice(7))}`;
      const taken: string[] = [];

      for (const breach of breaches(schema, components.schemas, example)) {
        const { status, body } = await api.request(route.method, path, {
          as: callerOf(route),
          body: JSON.stringify(breach.body),
        });
        const named = status === 422 ? body.errors.map((error: { path: string }) => error.path) : [];
        if (!named.includes(breach.path))
          taken.push(`${breach.path} ${breach.rule}: ${status} ${JSON.stringify(body).slice(0, 300)}`);
      }

      expect(taken).toEqual([]);
    },
  );

  /** What was taken is taken literally: quotes, dollars and backticks come back as they were. */
  function expectEcho(sent: unknown, got: Record<string, unknown>): void {
    const echoed = Object.entries(sent as object).filter(
      ([field, value]) =>
        ["name", "description", "display_name"].includes(field) && typeof value === "string" && field in got,
    );
    expect(got).toMatchObject(Object.fromEntries(echoed));
  }
});

describe("paths", () => {
  // A spec may be called 1e309; everywhere else these name what cannot exist.
  const withPath = routes.filter(({ path }) => path.includes("{") && !path.includes("{spec}"));

  test.each(withPath)("$method $path", async (route) => {
    const before = await fingerprint();
    for (const hostile of HOSTILE_NAMES) {
      const path = route.path.replaceAll(/\{\w+\}/g, encodeURIComponent(hostile));

      const answer = await api.request(route.method, path, {
        as: callerOf(route),
        ...(route.method !== "GET" && route.method !== "DELETE" && { body: {} }),
      });

      expect([400, 401, 404, 405, 409, 422]).toContain(answer.status);
    }
    expect(await fingerprint()).toBe(before);
  });
});

describe("filters", () => {
  const withQuery = routes.filter(({ operation }) => operation.parameters?.some((one) => one.in === "query"));

  test.each(withQuery)("$method $path", async (route) => {
    const names =
      route.operation.parameters?.filter((one) => one.in === "query").map(({ name }) => name) ?? [];
    for (const name of names)
      for (const hostile of HOSTILE_NAMES) {
        const query = new URLSearchParams({ [name]: hostile }).toString();

        const answer = await api.request(route.method, `/api/v1${existing(route.path.slice(7))}?${query}`, {
          as: callerOf(route),
        });

        expect(answer.status).toBeLessThan(500);
        if (answer.status >= 400) expectNamed(answer, route);
      }
  });

  test.each(withQuery)(
    "$method $path refuses whatever breaks a rule of a filter, and what is no filter, by the name",
    async (route) => {
      const path = `/api/v1${existing(route.path.slice(7))}`;
      const known = route.operation.parameters?.filter((one) => one.in === "query") ?? [];
      const wrong = known.flatMap(({ name, schema }) =>
        brokenFilters(schema).map(({ rule, text }) => ({
          name,
          rule,
          query: new URLSearchParams({ [name]: text }).toString(),
        })),
      );
      // A POST says what it wants in its body.
      const unknown =
        route.method === "POST"
          ? []
          : [{ name: "no_such_filter", rule: "unknown", query: "no_such_filter=1" }];
      const taken: string[] = [];

      for (const { name, rule, query } of [...wrong, ...unknown]) {
        const options = {
          as: callerOf(route),
          body: route.operation.requestBody?.content["application/json"]?.example,
        };
        const { status, body } = await api.request(route.method, `${path}?${query}`, options);
        const named = status === 422 ? body.errors.map((error: { path: string }) => error.path) : [];
        if (!named.includes(name))
          taken.push(`${name} ${rule}: ${status} ${JSON.stringify(body).slice(0, 200)}`);
      }

      expect(taken).toEqual([]);
    },
  );
});
