/** Members come by invitation. Whoever invites learns from no answer who has an account, and whoever is invited decides. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  MAX_A_DAY_OF_INVITER,
  MAX_OPEN_OF_INVITER,
  MAX_OPEN_OF_WORKSPACE,
} from "@remotegpu/control-plane/server/core/accounts/invitation-bounds";
import { createApp } from "@remotegpu/control-plane/server/http/server/app";
import { type FreshDatabase, freshDatabase } from "../../support/engines/postgres.ts";
import { watchedDatabase } from "../../support/engines/watched-database.ts";
import { openApi, problem, type ApiWorld, type Caller } from "../../support/http/api.ts";

const DAY_MINUTES = 24 * 60;

type Person = Caller & { workspaceId: number };

let fresh: FreshDatabase;
let api: ApiWorld;
/** Of this test alone, as their bounds are. */
let owner: Person;
let bob: Person;
let name: { owner: string; bob: string };
let team: number;
let counter = 0;

beforeAll(async () => {
  fresh = await freshDatabase();
  api = await openApi({}, fresh);
});
afterAll(async () => await api.close());

beforeEach(async () => {
  counter += 1;
  name = { owner: `owner-${counter}`, bob: `bob-${counter}` };
  owner = await api.customer(name.owner);
  bob = await api.customer(name.bob);
  team = (await request("POST", "/workspaces", owner, { name: "team" })).body.id;
});

const request = async (method: string, path: string, as: Caller, body?: object) =>
  await api.request(method, `/api/v1${path}`, { as, ...(body !== undefined && { body }) });
const invite = async (body: object, as: Caller = owner, workspace = team) =>
  await request("POST", `/workspaces/${workspace}/members`, as, body);
const requested = async () => (await request("GET", `/workspaces/${team}/invitations`, owner)).body.items;
const invitationsOf = async (person: Caller) => (await request("GET", "/invitations", person)).body.items;
const members = async () =>
  (await request("GET", `/workspaces/${team}/members`, owner)).body.items.map(
    ({ username, role, status }: { username: string; role: string; status: string }) =>
      `${username} ${role} ${status}`,
  );
const statusInSchema = async (person: Caller) =>
  (
    await api.db.query<{ status: string }>(
      "SELECT status FROM workspace_members WHERE workspace_id = $1 AND customer_id = $2",
      [team, person.customerId],
    )
  ).rows.map(({ status }) => status);

/** Inserts so many, as if they had been sent a while ago; of an inviter who has another way round the bounds. */
const sentBefore = async (options: {
  count: number;
  workspaces: number[];
  inviter: Caller;
  hoursAgo: number;
}) =>
  await api.db.query(
    `INSERT INTO workspace_invitations (id, workspace_id, invited_by, username, role, created_at, expires_at)
     SELECT gen_random_uuid(), ($1::bigint[])[1 + n % $2], $3, 'asked-' || n, 'member', sent, sent + interval '14 days'
       FROM generate_series(0, $4 - 1) n, (SELECT $5::timestamptz - make_interval(hours => $6) AS sent) s`,
    [
      options.workspaces,
      options.workspaces.length,
      options.inviter.customerId,
      options.count,
      api.deps.now(),
      options.hoursAgo,
    ],
  );

describe("whoever is invited", () => {
  test("sees who invites, for what and until when, and belongs to the workspace once they accept", async () => {
    const { body: sent } = await invite({ email: `${name.bob}@example.com`, role: "admin" });

    const [invitation] = await invitationsOf(bob);
    const before = [
      await request("GET", `/workspaces/${team}`, bob),
      await statusInSchema(bob),
      await members(),
    ];
    const accepted = await request("POST", `/invitations/${invitation.id}/accept`, bob);

    expect(invitation).toEqual({
      id: sent.id,
      workspace_id: team,
      workspace_name: "team",
      invited_by: name.owner,
      role: "admin",
      status: "invited",
      created_at: sent.created_at,
      expires_at: sent.expires_at,
    });
    expect(before).toEqual([
      expect.objectContaining({ status: 404 }),
      ["invited"],
      [`${name.owner} owner active`],
    ]);
    expect(accepted).toMatchObject({
      status: 200,
      body: { workspace_id: team, customer_id: bob.customerId, role: "admin", status: "active" },
    });
    expect(await members()).toEqual([`${name.owner} owner active`, `${name.bob} admin active`]);
    expect((await request("GET", `/workspaces/${team}`, bob)).body).toMatchObject({
      role: "admin",
      member_count: 2,
    });
    expect([await requested(), await invitationsOf(bob)]).toEqual([[], []]);
    expect(await request("POST", `/invitations/${invitation.id}/accept`, bob)).toMatchObject(problem(404));
  });

  test("may decline, which whoever invited does not see, and is not invited again by the same invitation", async () => {
    const { body: sent } = await invite({ username: name.bob });

    expect((await request("POST", `/invitations/${sent.id}/decline`, bob)).status).toBe(204);

    expect(await invitationsOf(bob)).toEqual([]);
    expect(await requested()).toEqual([sent]);
    expect(await request("POST", `/invitations/${sent.id}/accept`, bob)).toMatchObject(problem(404));
    expect((await invite({ username: name.bob })).body.id).toBe(sent.id);
    expect(await invitationsOf(bob)).toEqual([]);
    await request("DELETE", `/workspaces/${team}/invitations/${sent.id}`, owner);
    await invite({ username: name.bob });
    expect(await invitationsOf(bob)).toHaveLength(1);
  });

  test("sees nothing of others' invitations", async () => {
    await invite({ username: name.bob });
    const eve = await api.customer(`eve-${counter}`);

    expect(await invitationsOf(eve)).toEqual([]);
    expect(await invitationsOf(bob)).toHaveLength(1);
  });

  test("is nobody's member by a change of the invitation as if it were a member", async () => {
    await invite({ username: name.bob });
    const path = `/workspaces/${team}/members/${bob.customerId}`;

    expect(await request("GET", path, owner)).toMatchObject(problem(404));
    expect(await request("PATCH", path, owner, { status: "active" })).toMatchObject(problem(404));
    expect(await request("DELETE", path, owner)).toMatchObject(problem(404));
    expect(await statusInSchema(bob)).toEqual(["invited"]);
  });

  test("can answer until the invitation expires, and no longer", async () => {
    const { body: sent } = await invite({ username: name.bob });
    const minutes = (Date.parse(sent.expires_at) - api.deps.now().getTime()) / 60_000;

    api.passMinutes(minutes - 1);
    const inTime = [(await invitationsOf(bob)).length, (await requested()).length];
    api.passMinutes(1);

    expect(inTime).toEqual([1, 1]);
    expect([await invitationsOf(bob), await requested()]).toEqual([[], []]);
    expect(await request("POST", `/invitations/${sent.id}/accept`, bob)).toMatchObject(problem(404));
    // What is left of it is cleared away with the next one.
    await invite({ username: "somebody" });
    expect(await statusInSchema(bob)).toEqual([]);
  });

  test("to one of the old system accepts that by its row's number", async () => {
    const { rows } = await api.db.query<{ id: number }>(
      "INSERT INTO workspace_members (workspace_id, customer_id, role, status) VALUES ($1, $2, 'viewer', 'invited') RETURNING id",
      [team, bob.customerId],
    );

    expect(await invitationsOf(bob)).toMatchObject([
      { id: String(rows[0]?.id), role: "viewer", invited_by: null, expires_at: null },
    ]);
    expect(await request("POST", `/invitations/${rows[0]?.id}/accept`, bob)).toMatchObject({
      status: 200,
      body: { role: "viewer", status: "active" },
    });
  });

  test("by both addresses answers once, and stays invited by the other when one is withdrawn", async () => {
    await invite({ username: name.bob, role: "viewer" });
    const { body: second } = await invite({ email: `${name.bob}@example.com`, role: "admin" });

    const both = await invitationsOf(bob);
    await request("DELETE", `/workspaces/${team}/invitations/${second.id}`, owner);
    const one = await invitationsOf(bob);

    expect(both).toMatchObject([{ role: "admin" }]);
    expect(one).toMatchObject([{ role: "viewer" }]);
    await invite({ email: `${name.bob}@example.com`, role: "member" });
    await request("POST", `/invitations/${(await invitationsOf(bob))[0].id}/accept`, bob);
    expect([await requested(), await invitationsOf(bob)]).toEqual([[], []]);
  });
});

describe("whoever invites", () => {
  test("gets the same answer whether the address is a stranger's, a member's, one's own, suspended or nobody's", async () => {
    const member = await api.customer(`member-${counter}`);
    await api.join(team, owner, member);
    const suspended = await api.customer(`suspended-${counter}`);
    await request("PATCH", `/customers/${suspended.customerId}`, api.admin, { status: "suspended" });
    const names = [name.bob, `member-${counter}`, name.owner, `suspended-${counter}`, `nobody-${counter}`];

    for (const [kind, addresses] of Object.entries({
      username: names,
      email: names.map((each) => `${each}@example.com`),
    })) {
      const answers = await Promise.all(
        addresses.map(async (address) => ({
          address,
          answer: await invite({ [kind]: address, role: "viewer" }),
        })),
      );

      const shapes = answers.map(({ address, answer: { status, body, headers } }) => {
        expect(body[kind]).toBe(address);
        const { id: _id, created_at: _created, expires_at: _expires, [kind]: _typed, ...rest } = body;
        // Of each request its own; it says nothing of anybody.
        const reported = [...headers].filter(
          ([header]) => header !== "x-request-id" && header !== "traceresponse",
        );
        return JSON.stringify([status, Object.keys(body), rest, reported]);
      });
      expect(answers[0]?.answer).toMatchObject({ status: 201, body: { status: "invited", role: "viewer" } });
      expect(new Set(shapes).size).toBe(1);
    }
    expect(await requested()).toHaveLength(10);
    expect(await members()).toHaveLength(2);
  });

  test("sends the database the same queries whether anybody has the address", async () => {
    const statements: string[] = [];
    const db = watchedDatabase(fresh.url, { before: ({ text }) => void statements.push(text) });
    const app = createApp({ ...api.deps, db });
    const statementsFor = async (username: string) => {
      statements.length = 0;
      const { status } = await app.request(`/api/v1/workspaces/${team}/members`, {
        method: "POST",
        headers: { Authorization: `Bearer ${owner.key}`, "Content-Type": "application/json" },
        body: JSON.stringify({ username }),
      });
      expect(status).toBe(201);
      return [...statements];
    };
    try {
      const known = await statementsFor(name.bob);

      expect(known.length).toBeGreaterThan(5);
      expect(await statementsFor("nobody")).toEqual(known);
    } finally {
      await db.close();
    }
  });

  test("cannot count in the cursors of lists how many rows were made for whom it invited", async () => {
    await api.join(team, owner, bob);
    await invite({ username: name.owner }, bob, bob.workspaceId);
    const elsewhere = (await request("POST", "/workspaces", bob, { name: "elsewhere" })).body.id;
    await invite({ username: name.owner }, bob, elsewhere);
    const cursorOf = async (path: string) =>
      JSON.parse(
        Buffer.from(
          (await request("GET", `${path}?limit=1`, owner)).body.next_cursor,
          "base64url",
        ).toString(),
      );

    expect(await cursorOf(`/workspaces/${team}/members`)).toEqual([owner.customerId]);
    expect(await cursorOf("/invitations")).toEqual([bob.workspaceId]);
  });

  test("sees what is open as it was typed, and can withdraw it", async () => {
    const typed = ["nobody@example.com", `${name.bob}@example.com`];
    for (const email of typed) await invite({ email });
    const before: { id: string; email: string }[] = await requested();

    for (const { id } of before)
      expect((await request("DELETE", `/workspaces/${team}/invitations/${id}`, owner)).status).toBe(204);

    expect(before.map(({ email }) => email).sort()).toEqual(typed.sort());
    expect([await requested(), await invitationsOf(bob), await statusInSchema(bob)]).toEqual([[], [], []]);
    expect(await request("DELETE", `/workspaces/${team}/invitations/${before[0]?.id}`, owner)).toMatchObject(
      problem(404),
    );
  });

  test("withdraws nothing of another workspace", async () => {
    const { body: sent } = await invite({ username: name.bob });
    const path = `/workspaces/${bob.workspaceId}/invitations/${sent.id}`;

    expect(await request("DELETE", path, bob)).toMatchObject(problem(404));
    expect(await requested()).toHaveLength(1);
  });

  test("changes the role by inviting again, and reaches who has come to have the address since", async () => {
    const newcomer = `newcomer-${counter}`;
    const { body: first } = await invite({ username: newcomer, role: "viewer" });
    const late = await api.customer(newcomer);
    const before = await invitationsOf(late);

    const { body: again } = await invite({ username: newcomer, role: "admin" });

    expect(again).toMatchObject({ id: first.id, role: "admin" });
    expect([before, await invitationsOf(late)]).toMatchObject([[], [{ id: first.id, role: "admin" }]]);
  });

  test("does not get a suspended member back in, nor a member another role", async () => {
    await api.join(team, owner, bob);
    await request("PATCH", `/workspaces/${team}/members/${bob.customerId}`, owner, { status: "suspended" });

    await invite({ username: name.bob, role: "admin" });

    expect([await invitationsOf(bob), await members()]).toEqual([
      [],
      [`${name.owner} owner active`, `${name.bob} member suspended`],
    ]);
  });

  test.each([
    ["neither", {}, "email"],
    ["both", { email: "a@example.com", username: "a" }, "username"],
  ])("is refused %s", async (_name, body, path) => {
    expect(await invite(body)).toMatchObject({ status: 422, body: { errors: [{ path }] } });
  });
});

describe("an invitation stands as long as who sent it could send it: it ends", () => {
  let admin: Person;
  beforeEach(async () => {
    admin = await api.customer(`admin-${counter}`);
    await api.join(team, owner, admin, "admin");
  });
  const member = () => `/workspaces/${team}/members/${admin.customerId}`;
  const account = () => `/customers/${admin.customerId}`;

  test.each<[string, () => Promise<unknown>, () => Promise<unknown>]>([
    [
      "when they are removed",
      async () => await request("DELETE", member(), owner),
      async () => await api.join(team, owner, admin, "admin"),
    ],
    [
      "when they leave",
      async () => await request("DELETE", member(), admin),
      async () => await api.join(team, owner, admin, "admin"),
    ],
    [
      "when they are suspended there",
      async () => await request("PATCH", member(), owner, { status: "suspended" }),
      async () => await request("PATCH", member(), owner, { status: "active" }),
    ],
    [
      "when their role is too small",
      async () => await request("PATCH", member(), owner, { role: "member" }),
      async () => await request("PATCH", member(), owner, { role: "admin" }),
    ],
    [
      "when their account is suspended",
      async () => await request("PATCH", account(), api.admin, { status: "suspended" }),
      async () => await request("PATCH", account(), api.admin, { status: "active" }),
    ],
  ])("%s, for good, whether or not somebody has the address", async (_name, loses, regains) => {
    const { body: sent } = await invite({ username: name.bob, role: "admin" }, admin);
    await invite({ username: "nobody" }, admin);
    await invite({ email: `${name.bob}@example.com`, role: "viewer" });

    await loses();
    const accepted = await request("POST", `/invitations/${sent.id}/accept`, bob);
    const unknown = await request("POST", "/invitations/inv-none/accept", bob);
    await regains();

    expect(accepted).toMatchObject(problem(404));
    expect(accepted.body.detail.replace(sent.id, "…")).toBe(unknown.body.detail.replace("inv-none", "…"));
    // What another one asked, by another address, goes on.
    expect(await invitationsOf(bob)).toMatchObject([{ role: "viewer", invited_by: name.owner }]);
    expect(await requested()).toMatchObject([{ email: `${name.bob}@example.com` }]);
  });

  test("when an administrator of the product is none any more, who never was a member", async () => {
    const helper = await api.customer(`helper-${counter}`, "admin");
    const { body: sent } = await invite({ username: name.bob }, helper);
    const before = await invitationsOf(bob);

    await request("PATCH", `/customers/${helper.customerId}`, api.admin, { user_type: "external" });

    expect([before, await invitationsOf(bob)]).toMatchObject([[{ id: sent.id }], []]);
  });

  test("and whoever invites again vouches for it from then on", async () => {
    const { body: sent } = await invite({ username: name.bob });
    const { body: again } = await invite({ username: name.bob, role: "admin" }, admin);

    expect(again).toMatchObject({ id: sent.id, invited_by: `admin-${counter}` });
    await request("DELETE", member(), owner);

    expect([await invitationsOf(bob), await requested(), await statusInSchema(bob)]).toEqual([[], [], []]);
  });

  test("is checked when it is accepted, too, however the role was lost", async () => {
    const { body: sent } = await invite({ username: name.bob }, admin);
    await api.db.query("DELETE FROM workspace_members WHERE workspace_id = $1 AND customer_id = $2", [
      team,
      admin.customerId,
    ]);

    expect(await request("POST", `/invitations/${sent.id}/accept`, bob)).toMatchObject(problem(404));
    expect((await invite({ username: name.bob })).body).toMatchObject({ invited_by: name.owner });
    expect(await invitationsOf(bob)).toHaveLength(1);
  });
});

describe("no more are open, or sent, than", () => {
  test("a workspace may have, whoever sends them, and whether anybody has the addresses", async () => {
    const admin = await api.customer(`admin-${counter}`);
    await api.join(team, owner, admin, "admin");
    await sentBefore({ count: MAX_OPEN_OF_WORKSPACE - 1, workspaces: [team], inviter: owner, hoursAgo: 25 });

    expect((await invite({ username: "last" }, admin)).status).toBe(201);
    for (const username of [name.bob, "nobody"])
      expect(await invite({ username }, admin)).toMatchObject({
        ...problem(409),
        body: { detail: expect.stringContaining(`The workspace has ${MAX_OPEN_OF_WORKSPACE}`) },
      });
    // One that is open already is no further one.
    expect((await invite({ username: "last", role: "viewer" }, admin)).status).toBe(201);
  });

  test("one person may have in all workspaces", async () => {
    const more = async () => (await request("POST", "/workspaces", owner, { name: "more" })).body.id;
    const workspaces = [await more(), await more(), await more()];
    await sentBefore({ count: MAX_OPEN_OF_INVITER, workspaces, inviter: owner, hoursAgo: 25 });

    expect(await invite({ username: name.bob })).toMatchObject({
      ...problem(409),
      body: { detail: expect.stringContaining(`You have ${MAX_OPEN_OF_INVITER}`) },
    });
  });

  test("one person may send in a day, with those withdrawn, and then the answer states when to go on", async () => {
    await sentBefore({ count: MAX_A_DAY_OF_INVITER - 1, workspaces: [team], inviter: owner, hoursAgo: 23 });
    const { body: sent } = await invite({ username: "one-more" });
    await request("DELETE", `/workspaces/${team}/invitations/${sent.id}`, owner);

    const refused = await invite({ username: name.bob });
    api.passMinutes(61);
    const later = await invite({ username: name.bob });

    expect(refused).toMatchObject(problem(429));
    expect(Number(refused.headers.get("Retry-After"))).toBeGreaterThan(3_500);
    expect(Number(refused.headers.get("Retry-After"))).toBeLessThanOrEqual(3_600);
    expect(later.status).toBe(201);
  });
});

test("a workspace that is deleted invites nobody any more", async () => {
  const { body: sent } = await invite({ username: name.bob });

  await request("DELETE", `/workspaces/${team}`, owner);

  expect(await invitationsOf(bob)).toEqual([]);
  expect(await request("POST", `/invitations/${sent.id}/accept`, bob)).toMatchObject(problem(404));
  expect(await statusInSchema(bob)).toEqual([]);
});

test("of an acceptance and a withdrawal at once one wins, and nothing is left in between", async () => {
  const { body: sent } = await invite({ username: name.bob });

  const [accepted, withdrawn] = await Promise.all([
    request("POST", `/invitations/${sent.id}/accept`, bob),
    request("DELETE", `/workspaces/${team}/invitations/${sent.id}`, owner),
  ]);

  expect([
    [200, 404],
    [404, 204],
  ]).toContainEqual([accepted.status, withdrawn.status]);
  expect(await statusInSchema(bob)).toEqual(accepted.status === 200 ? ["active"] : []);
  expect([await requested(), await invitationsOf(bob)]).toEqual([[], []]);
});

test("what was sent long ago is forgotten with the next one", async () => {
  await invite({ username: name.bob });
  api.passMinutes(15 * DAY_MINUTES);

  await invite({ username: "somebody" });

  const { rows } = await api.db.query<{ username: string }>(
    "SELECT username FROM workspace_invitations WHERE workspace_id = $1",
    [team],
  );
  expect(rows).toEqual([{ username: "somebody" }]);
});
