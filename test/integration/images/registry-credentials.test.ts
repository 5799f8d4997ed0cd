/** Credentials of registries: given, kept under seal, told to hosts as terms, and handed to the one that fetches. */
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { answerLogin } from "@remotegpu/control-plane/server/controllers/hosts/registry-logins";
import { openOperator } from "@remotegpu/control-plane/server/link/servers/operator";
import { passwordSeal } from "@remotegpu/control-plane/server/link/identity/password-seal";
import { acquireLeadership } from "@remotegpu/control-plane/server/store/database/leader";
import { commitPlacements } from "@remotegpu/control-plane/server/store/placement/commit/placements";
import { imageTermsOf } from "@remotegpu/control-plane/server/store/hosts/images/image-terms";
import { canonicalJson } from "@remotegpu/shared/proof/journal-row";
import { sha256 } from "@remotegpu/shared/proof/row-hash";
import type { DesiredInstance } from "@remotegpu/shared/instance/instance";
import { IMAGE_FETCH_FEATURE, RegistryLoginQuestion } from "@remotegpu/shared/instance/image-fetch";
import type { Answer, RequestOptions, Caller } from "../../support/http/api.ts";
import {
  type ControlScene,
  openControlScene,
  type ScriptedHost,
} from "../../support/worlds/control-scene.ts";
import { memoryLog } from "../../support/memory-log.ts";
import { readingConnection } from "../../support/engines/reading-connection.ts";

const PASSWORD = "correct horse battery staple";
const IMAGE = "ghcr.io/team/private:1";

let scene: ControlScene;
let host: ScriptedHost;
let alice: Caller & { workspaceId: number };
let counter = 0;
const fresh = (word: string) => `${word}-${(counter += 1)}`;

beforeAll(async () => {
  scene = await openControlScene();
  host = await scene.host("host-a", { cpu: 256, features: [IMAGE_FETCH_FEATURE] });
});
afterAll(async () => await scene?.close());

beforeEach(async () => {
  // A host that is not heard for a while is told nothing, and a busy machine takes a while.
  await host.heartbeat();
  alice = await scene.customer(fresh("alice"));
});
afterEach(async () => {
  await scene.api.db.query("DELETE FROM registry_credentials");
  await scene.api.db.query("DELETE FROM images");
  await scene.api.db.query("DELETE FROM settings WHERE key = 'IMAGE_REGISTRIES'");
  await scene.api.db.query("UPDATE environments SET status = 'stopped' WHERE status = 'queued'");
});

const request = async (method: string, path: string, options: RequestOptions): Promise<Answer> =>
  await scene.api.request(method, `/api/v1/registry-credentials${path}`, options);
const give = async (as: Caller, change: object = {}): Promise<Answer> =>
  await request("POST", "", {
    as,
    body: { registry: "ghcr.io", username: "ada", password: PASSWORD, ...change },
  });
const idOf = async (answer: Promise<Answer>): Promise<string> => {
  const { status, body } = await answer;
  expect(status).toBe(201);
  return body.id;
};
const listed = async (as: Caller, query = ""): Promise<{ id: string }[]> =>
  (await request("GET", query, { as })).body.items;

/** Orders, places and pulls: what its host is told of it. */
async function placed(as: Caller, change: object = {}) {
  const { id } = (await scene.order(as, { image: IMAGE, ...change })).body;
  await scene.schedule();
  const reported = (await host.pull()).find(({ spec }) => spec.workloadId === id);
  if (reported === undefined)
    throw new Error(`${id} was not placed: ${(await scene.get(as, id)).status_reason}`);
  return { id, reported };
}

/** The same order as its host was told of it last. */
const reportedOf = ({ instanceId }: DesiredInstance) =>
  host.desired.find((wanted) => wanted.instanceId === instanceId);

describe("a credential", () => {
  test("is answered and listed without its password", async () => {
    const answer = await give(alice, { registry: "GHCR.io" });

    const visible = {
      id: expect.stringMatching(/^registry-/),
      workspace_id: null,
      registry: "ghcr.io",
      username: "ada",
      usable: true,
      created_at: expect.any(String),
    };
    expect(answer).toMatchObject({ status: 201 });
    expect(answer.body).toEqual(visible);
    expect((await request("GET", `/${answer.body.id}`, { as: alice })).body).toEqual(visible);
    expect(await listed(alice)).toEqual([visible]);
  });

  test("takes the place of the one before it for the same registry and owner, under another id", async () => {
    const first = await idOf(give(alice));
    const ofWorkspace = await idOf(give(alice, { workspace_id: alice.workspaceId }));
    const elsewhere = await idOf(give(alice, { registry: "quay.io" }));
    const bobs = await idOf(give(await scene.customer(fresh("bob"))));

    const second = await idOf(give(alice, { username: "ada2" }));

    expect(new Set([first, second, ofWorkspace, elsewhere, bobs]).size).toBe(5);
    expect((await listed(alice)).map(({ id }) => id).toSorted()).toEqual(
      [ofWorkspace, elsewhere, second].toSorted(),
    );
    expect((await listed(alice, `?workspace_id=${alice.workspaceId}`)).map(({ id }) => id)).toEqual([
      ofWorkspace,
    ]);
    expect((await request("GET", `/${first}`, { as: alice })).status).toBe(404);
  });

  test("of a workspace goes with the workspace", async () => {
    const body = { name: "team" };
    const { id: team } = (await scene.api.request("POST", "/api/v1/workspaces", { as: alice, body })).body;
    await idOf(give(alice, { workspace_id: team }));

    await scene.api.request("DELETE", `/api/v1/workspaces/${team}`, { as: alice });

    expect((await scene.api.db.query("SELECT FROM registry_credentials")).rowCount).toBe(0);
  });

  test.each([
    [{ registry: "registry.example.com" }, "registry", /may not be used; these may be used: docker\.io/],
    [{ registry: "127.0.0.1:5000" }, "registry", /may not be used/],
    [{ registry: "https://ghcr.io" }, "registry", /must be the name of a registry/],
    [{ registry: "ghcr.io/team" }, "registry", /must be the name of a registry/],
    [{ registry: "user@ghcr.io" }, "registry", /must be the name of a registry/],
    [{ registry: "registry" }, "registry", /must be the name of a registry/],
    [{ username: "a:b" }, "username", /colon/],
    [{ password: "with\u0000nul" }, "password", /./],
  ])("with %j is refused by its field, and its password is not sent back", async (change, path, message) => {
    const answer = await give(alice, change);

    expect(answer.status).toBe(422);
    expect(answer.body.errors).toMatchObject([{ path, message: expect.stringMatching(message) }]);
    expect(JSON.stringify(answer.body)).not.toContain(PASSWORD);
    expect(await listed(alice)).toEqual([]);
  });

  test("is one of fifty at most, and replacing one is no fifty-first", async () => {
    await scene.api.request("PUT", "/api/v1/settings/IMAGE_REGISTRIES", {
      as: scene.api.admin,
      body: { value: "any" },
    });
    for (let number = 0; number < 50; number += 1)
      await idOf(give(alice, { registry: `r${number}.example.com` }));

    expect((await give(alice, { registry: "r50.example.com" })).status).toBe(409);
    expect((await give(alice, { registry: "r7.example.com" })).status).toBe(201);
    expect((await give(alice, { registry: "ghcr.io", workspace_id: alice.workspaceId })).status).toBe(201);
  });
});

test("a password stands nowhere: in no row, event, entry of the audit log, order or log line", async () => {
  const log = memoryLog();
  const body = { registry: "ghcr.io", username: "ada", password: PASSWORD };
  const headers = { "Idempotency-Key": "once" };
  await request("POST", "", { as: alice, body, headers });
  await request("POST", "", { as: scene.api.admin, body: { ...body, workspace_id: alice.workspaceId } });
  const { reported } = await placed(alice);
  const question = RegistryLoginQuestion.parse({
    kind: "registry-login-question",
    for: { instanceId: reported.instanceId },
    image: IMAGE,
  });
  const deps = { db: scene.api.deps.db, passwords: scene.api.deps.passwords, log };

  const handed = await answerLogin(deps, host.id, question);

  expect(handed).toMatchObject({ kind: "registry-login", password: PASSWORD });
  const written = [await wholeDatabase(), JSON.stringify(host.desired), JSON.stringify(log.lines)].join("\n");
  expect(written).toContain("ghcr.io");
  const bytes = Buffer.from(PASSWORD);
  const bodyHash = createHash("sha256").update(JSON.stringify(body)).digest("hex");
  for (const form of [PASSWORD, bytes.toString("base64"), bytes.toString("hex"), sha256(PASSWORD), bodyHash])
    expect(written).not.toContain(form);
  expect(log.lines).toEqual([
    {
      level: "info",
      message: "a host gets a registry's credential",
      fields: {
        host: "host-a",
        credential: reported.imageTerms?.credential,
        registry: "ghcr.io",
        image: IMAGE,
        instanceId: reported.instanceId,
      },
    },
  ]);
});

/** Every row of every table as text. */
async function wholeDatabase(): Promise<string> {
  const { rows } = await scene.api.db.query<{ name: string }>(
    "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'",
  );
  const texts: string[] = [];
  for (const { name } of rows)
    for (const row of (await scene.api.db.query<{ text: string }>(`SELECT t::text AS text FROM ${name} t`))
      .rows)
      texts.push(`${name} ${row.text}`);
  return texts.join("\n");
}

describe("the terms of an order", () => {
  test("name its owner, and nothing else where there is nothing to state", async () => {
    const { reported } = await placed(alice, { image: "busybox" });

    expect(reported.imageTerms).toEqual({
      owner: String(alice.customerId),
      credential: null,
      isOffered: false,
      mayBePrivate: false,
    });
    expect(reported.specHash).toBe(sha256(canonicalJson(reported.spec)));
  });

  test("name the customer's own credential, and the workspace's before it, as they are at each pull", async () => {
    const own = await idOf(give(alice));
    const { reported } = await placed(alice);
    const { generation } = host.applied;
    expect(reported.imageTerms?.credential).toBe(own);

    const ofWorkspace = await idOf(give(alice, { workspace_id: alice.workspaceId }));

    await host.pull();
    const again = reportedOf(reported);
    expect(again?.imageTerms?.credential).toBe(ofWorkspace);
    expect([again?.specHash, host.applied.generation]).toEqual([reported.specHash, generation]);
    const rotated = await idOf(give(alice, { workspace_id: alice.workspaceId }));
    await host.pull();
    expect(reportedOf(reported)?.imageTerms?.credential).toBe(rotated);
    expect(rotated).not.toBe(ofWorkspace);
    await request("DELETE", `/${rotated}`, { as: alice });
    await request("DELETE", `/${own}`, { as: alice });
    await host.pull();
    expect(reportedOf(reported)?.imageTerms?.credential).toBeNull();
  });

  test("name the payer of a shared workspace, and a credential only where it is the workspace's or one's own", async () => {
    const bob = await scene.customer(fresh("bob"));
    const { id: team } = (
      await scene.api.request("POST", "/api/v1/workspaces", { as: alice, body: { name: "team" } })
    ).body;
    await scene.api.join(team, alice, bob);
    await idOf(give(alice));
    const { reported: without } = await placed(bob, { workspace_id: team });
    const ofTeam = await idOf(give(alice, { workspace_id: team }));

    const { reported: with_ } = await placed(bob, { workspace_id: team });
    const { reported: elsewhere } = await placed(bob);

    expect(without.imageTerms).toMatchObject({ owner: String(alice.customerId), credential: null });
    expect(with_.imageTerms).toMatchObject({ owner: String(alice.customerId), credential: ofTeam });
    expect(elsewhere.imageTerms).toMatchObject({ owner: String(bob.customerId), credential: null });
  });

  test("state what is on offer, and where the operator lets a name lead inside", async () => {
    await scene.api.request("PUT", "/api/v1/settings/IMAGE_REGISTRIES", {
      as: scene.api.admin,
      body: { value: "docker.io,10.0.0.7:5000=private" },
    });
    await scene.api.request("POST", "/api/v1/images", { as: scene.api.admin, body: { name: "starter:1" } });

    const terms = [];
    for (const image of ["starter:1", "10.0.0.7:5000/tool"])
      terms.push((await placed(alice, { image })).reported.imageTerms);

    expect(terms).toMatchObject([
      { isOffered: true, mayBePrivate: false },
      { isOffered: false, mayBePrivate: true },
    ]);
  });

  test.each(["starter", "docker.io/starter:latest", "index.docker.io/library/starter"])(
    "state that it is on offer by whichever spelling it is ordered: %s",
    async (image) => {
      await scene.api.request("PUT", "/api/v1/settings/IMAGE_REGISTRIES", {
        as: scene.api.admin,
        body: { value: "ghcr.io" },
      });
      await scene.api.request("POST", "/api/v1/images", {
        as: scene.api.admin,
        body: { name: "library/starter:latest" },
      });

      const { reported } = await placed(alice, { image });

      expect(reported.imageTerms).toMatchObject({ isOffered: true });
    },
  );

  test("of a thousand orders take as many queries as those of one", async () => {
    const { db, passwords } = scene.api.deps;
    let queries = 0;
    const counting = readingConnection((text, values) => {
      queries += 1;
      return db.query(text, values);
    });
    const use = { customerId: alice.customerId, workspaceId: alice.workspaceId, image: IMAGE };
    await imageTermsOf(counting, [use], passwords);
    const ofOne = queries;
    queries = 0;

    const terms = await imageTermsOf(
      counting,
      Array.from({ length: 1_000 }, () => use),
      passwords,
    );

    expect([terms.length, queries]).toEqual([1_000, ofOne]);
  });
});

describe("a host that requests a credential", () => {
  const requesting = async (from: ScriptedHost, about: object, passwords = scene.api.deps.passwords) =>
    await answerLogin(
      { db: scene.api.deps.db, passwords, log: memoryLog() },
      from.id,
      RegistryLoginQuestion.parse({ kind: "registry-login-question", image: IMAGE, ...about }),
    );
  const NONE = { kind: "registry-login-none" };

  test("for an order that it is to run gets the one that the order's terms name", async () => {
    await idOf(give(alice));
    const { reported } = await placed(alice);

    const answer = await requesting(host, { for: { instanceId: reported.instanceId } });

    expect(answer).toEqual({
      kind: "registry-login",
      credential: reported.imageTerms?.credential,
      username: "ada",
      password: PASSWORD,
    });
  });

  test("for anything else gets none: another host's order, another image, what it was not ordered to fetch", async () => {
    await idOf(give(alice));
    const { reported } = await placed(alice);
    const other = await scene.host(fresh("host"), { features: [IMAGE_FETCH_FEATURE] });
    await scene.api.db.query("UPDATE hosts SET cordoned = true WHERE id = $1", [other.id]);
    const about = { for: { instanceId: reported.instanceId } };

    expect(await requesting(other, about)).toEqual(NONE);
    expect(await requesting(host, { ...about, image: "ghcr.io/team/other:1" })).toEqual(NONE);
    expect(await requesting(host, { for: { instanceId: "ins-of-nobody" } })).toEqual(NONE);
    expect(await requesting(host, { for: { fetchId: "fetch-1" } })).toEqual(NONE);
  });

  test("gets none once the order is stopped, deleted or without a credential", async () => {
    const credential = await idOf(give(alice));
    const stopped = await placed(alice);
    const deleted = await placed(alice);
    const stored = await placed(alice);
    await scene.api.request("POST", `/api/v1/environments/${stopped.id}/stop`, { as: alice, body: {} });
    await scene.api.request("DELETE", `/api/v1/environments/${deleted.id}`, { as: alice });

    for (const { reported } of [stopped, deleted])
      expect(await requesting(host, { for: { instanceId: reported.instanceId } })).toEqual(NONE);
    const about = { for: { instanceId: stored.reported.instanceId } };
    expect(await requesting(host, about)).toMatchObject({ kind: "registry-login" });
    await request("DELETE", `/${credential}`, { as: alice });
    expect(await requesting(host, about)).toEqual(NONE);
  });

  test("gets none for a registry that the operator has taken off the list since", async () => {
    await idOf(give(alice));
    const { reported } = await placed(alice);
    await scene.api.request("PUT", "/api/v1/settings/IMAGE_REGISTRIES", {
      as: scene.api.admin,
      body: { value: "docker.io" },
    });

    expect(await requesting(host, { for: { instanceId: reported.instanceId } })).toEqual(NONE);
    await host.pull();
    expect(reportedOf(reported)?.imageTerms?.credential).toBeNull();
  });

  test("gets none where the row was changed by hand", async () => {
    await idOf(give(alice));
    const { reported } = await placed(alice);
    await scene.api.db.query("UPDATE registry_credentials SET username = 'eve'");

    expect(await requesting(host, { for: { instanceId: reported.instanceId } })).toEqual(NONE);
    expect(await listed(alice)).toMatchObject([{ usable: false }]);
  });

  test("is sent none any more once one cannot be opened, so that it does not request on and on", async () => {
    await idOf(give(alice));
    const { reported } = await placed(alice);
    await scene.api.db.query("UPDATE registry_credentials SET username = 'eve'");
    expect(reported.imageTerms?.credential).not.toBeNull();

    await requesting(host, { for: { instanceId: reported.instanceId } });
    await host.pull();

    expect(reportedOf(reported)?.imageTerms?.credential).toBeNull();
    const anew = await idOf(give(alice));
    await host.pull();
    expect(reportedOf(reported)?.imageTerms?.credential).toBe(anew);
  });

  test("gets none from a fleet of another identity, which lists the credential as not usable and sends none", async () => {
    const theirs = passwordSeal(await operatorOfAnotherFleet());
    await idOf(give(alice));
    await scene.api.db.query("UPDATE registry_credentials SET sealed_by = $1", [theirs.sealedBy]);
    const { reported } = await placed(alice);

    expect(reported.imageTerms?.credential).toBeNull();
    expect(await requesting(host, { for: { instanceId: reported.instanceId } })).toEqual(NONE);
    expect(await requesting(host, { for: { instanceId: reported.instanceId } }, theirs)).toEqual(NONE);
    expect(await listed(alice)).toMatchObject([{ usable: false }]);
  });

  async function operatorOfAnotherFleet() {
    const folder = mkdtempSync(join(tmpdir(), "remotegpu-another-fleet-"));
    try {
      return await openOperator(join(folder, "operator.json"));
    } finally {
      rmSync(folder, { recursive: true });
    }
  }
});

describe("an order that needs a credential", () => {
  const TOO_OLD = "its agent is too old: it cannot fetch images with credentials of registries";

  let old: ScriptedHost;
  beforeEach(async () => {
    await scene.api.db.query("UPDATE hosts SET cordoned = true");
    old = await scene.host(fresh("host-old"));
  });

  test("waits where all agents are too old, reports so host by host, and goes to a new one", async () => {
    await idOf(give(alice));
    const { id } = (await scene.order(alice, { image: IMAGE })).body;

    await scene.schedule();

    const why = await scene.api.request("GET", `/api/v1/environments/${id}/why`, { as: alice });
    expect(why.body.hosts).toContainEqual(
      expect.objectContaining({
        host_id: old.id,
        host_name: old.id,
        fits: false,
        reason: TOO_OLD,
        reason_code: "agent-lacks-feature",
        obstacles: [TOO_OLD],
      }),
    );
    expect((await scene.get(alice, id)).status_reason).toContain(TOO_OLD);
    const upgraded = await scene.host(fresh("host-new"), { features: [IMAGE_FETCH_FEATURE] });
    await scene.schedule();
    expect(await scene.get(alice, id)).toMatchObject({ status: "creating", host_id: upgraded.id });
  });

  test("that is given after the scheduler has checked is not placed there either", async () => {
    const { id } = (await scene.order(alice, { image: IMAGE })).body;
    const now = scene.api.deps.now();
    const term = (await acquireLeadership(scene.api.deps.db, { holder: "the test", now })) ?? 0;
    await idOf(give(alice));

    const [outcome] = await commitPlacements(
      scene.api.deps.db,
      [{ start: { kind: "environment", id, firstRank: 0 }, instances: [{ hostId: old.id, gpus: [] }] }],
      { term, now, newId: scene.api.deps.newId },
    );

    expect(outcome).toMatchObject({
      committed: false,
      reason: "taken",
      detail: { code: "agent-lacks-feature", params: { feature: "image-fetches" } },
    });
  });

  test.each([
    ["nobody has a credential for its registry", { image: "quay.io/team/tool" }],
    ["it is on offer", { image: "ghcr.io/offered/tool" }],
    ["no registry is requested", { image: `sha256:${"0a".repeat(32)}` }],
  ])("none is where %s", async (_why, order) => {
    await scene.api.request("POST", "/api/v1/images", {
      as: scene.api.admin,
      body: { name: "ghcr.io/offered/tool" },
    });
    await idOf(give(alice));
    const { id } = (await scene.order(alice, order)).body;

    await scene.schedule();

    expect(await scene.get(alice, id)).toMatchObject({ status: "creating", host_id: old.id });
  });
});
