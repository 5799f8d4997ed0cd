/** Logins of browsers at a real OpenID Connect provider: who comes in, with which rights, and what is refused. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { eventually } from "../../support/eventually.ts";
import type { Answer, Caller } from "../../support/http/api.ts";
import { CLIENT_SECRET } from "../../support/sign-on/provider.ts";
import { openSignOnWorld, PUBLIC, type SignOnWorld } from "../../support/sign-on/sign-on-world.ts";

/** A provider that did not answer is asked again after that. */
const RETRIED_AFTER_MS = 10_000;
/** One that did, too. */
const REFRESHED_AFTER_MS = 3_600_000;

let world: SignOnWorld;
let ada: Caller & { workspaceId: number };
let subject: string;
let count = 0;

beforeAll(async () => void (world = await openSignOnWorld()));
afterAll(() => world.close());
beforeEach(async () => {
  count += 1;
  subject = `subject-${count}`;
  world.set({ adminClaim: null, makesAccounts: false });
  ada = await world.api.customer(`ada-${count}`);
});

const asAdmin = async (method: string, path: string, body?: object): Promise<Answer> =>
  await world.api.request(method, `/api/v1${path}`, { as: world.api.admin, ...(body && { body }) });

const link = async (caller: Caller = ada) =>
  await asAdmin("POST", `/customers/${caller.customerId}/identities`, { subject });

const invitationFor = async (caller: Caller): Promise<string> => {
  const { body } = await asAdmin("POST", `/customers/${caller.customerId}/identity-invitations`, {});
  return new URL(body.url).hash.replace("#invitation=", "");
};

const cookieOf = ({ headers }: Answer): string =>
  (headers.getSetCookie().find((one) => one.includes("_session=")) ?? "").split(";")[0] ?? "";

const by = async (login: Answer, method: string, path: string, body?: object): Promise<Answer> =>
  await world.api.request(method, `/api/v1${path}`, {
    headers: { Cookie: cookieOf(login), Origin: PUBLIC },
    ...(body && { body }),
  });

const auditOf = async (query: string) => (await asAdmin("GET", `/audit-log?${query}`)).body.items;

describe("a login", () => {
  test("opens the account that an administrator linked, in a session as by a key", async () => {
    await link();
    const begun = await world.begin("/environments?status=running");

    const opened = await begun.complete(await begun.answerOf(subject));

    expect(opened).toMatchObject({
      status: 201,
      body: { customer_id: ada.customerId, is_admin: false, return_to: "/environments?status=running" },
    });
    const [session = "", login = ""] = opened.headers.getSetCookie();
    expect(session).toMatch(
      /^remotegpu_session=rgb_[\w-]{43}; Path=\/; Max-Age=43200; HttpOnly; SameSite=Strict$/,
    );
    expect(login).toBe("remotegpu_login=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");
    expect((await by(opened, "GET", "/me")).body).toMatchObject({
      id: ada.customerId,
      user_type: "external",
      identity_id: expect.any(Number),
    });
    expect((await by(opened, "POST", "/workspaces", { name: "w" })).status).toBe(201);
  });

  test("begins at the provider with PKCE, state and nonce, which a sealed cookie keeps", async () => {
    const { address, setCookie } = await world.begin();

    expect(address.origin).toBe(world.provider.issuer);
    expect(Object.fromEntries(address.searchParams)).toMatchObject({
      response_type: "code",
      code_challenge_method: "S256",
      redirect_uri: `${PUBLIC}/api/v1/auth/oidc/callback`,
      scope: "openid profile email",
      state: expect.stringMatching(/^[\w-]{43}$/),
      nonce: expect.stringMatching(/^[\w-]{43}$/),
    });
    expect(setCookie).toMatch(/^remotegpu_login=[\w-]+; Path=\/; Max-Age=600; HttpOnly; SameSite=Lax$/);
    expect(setCookie).not.toContain(address.searchParams.get("state"));
  });

  test("by an invitation links the identity, once", async () => {
    const invitation = await invitationFor(ada);

    expect(await world.logIn(subject, invitation)).toMatchObject({
      status: 201,
      body: { customer_id: ada.customerId },
    });

    expect(await world.logIn(subject)).toMatchObject({ status: 201, body: { customer_id: ada.customerId } });
    subject = `${subject}-another`;
    expect(await world.logIn(subject, invitation)).toMatchObject({
      status: 401,
      body: { reason_code: "identity-invitation-spent" },
    });
  });

  test("of somebody linked elsewhere uses up no invitation", async () => {
    await link();
    const eve = await world.api.customer(`eve-${count}`);
    const invitation = await invitationFor(eve);

    const refused = await world.logIn(subject, invitation);

    expect(refused).toMatchObject({ status: 409, body: { reason_code: "identity-linked" } });
    expect((await world.logIn(`${subject}-other`, invitation)).status).toBe(201);
  });

  test("of somebody unknown is refused, whatever address and name they have there", async () => {
    world.provider.people.set(subject, {
      email: `ada-${count}@example.com`,
      email_verified: true,
      preferred_username: `ada-${count}`,
    });

    const refused = await world.logIn(subject);

    expect(refused).toMatchObject({
      status: 401,
      body: { reason_code: "identity-unknown", reason_params: { subject } },
    });
    expect(refused.headers.get("Set-Cookie")).toBeNull();
    expect((await auditOf("action=sign-on.complete&outcome=refused"))[0]).toMatchObject({
      reason_code: "identity-unknown",
      subject: `identity ${subject} of ${world.provider.issuer}`,
    });
  });

  test("of an account that is suspended opens nothing", async () => {
    await link();
    await world.api.db.query("UPDATE customers SET status = 'suspended' WHERE id = $1", [ada.customerId]);

    expect(await world.logIn(subject)).toMatchObject({
      status: 403,
      body: { reason: "account-suspended" },
    });
  });

  test("is over for all browsers, and begins no more, when the identity is unlinked", async () => {
    const { body: identity } = await link();
    const opened = await world.logIn(subject);

    const { status } = await asAdmin("DELETE", `/customers/${ada.customerId}/identities/${identity.id}`);

    expect(status).toBe(204);
    expect(await by(opened, "GET", "/me")).toMatchObject({
      status: 401,
      body: { reason: "session-key-ended" },
    });
    expect((await world.logIn(subject)).status).toBe(401);
    expect((await asAdmin("GET", `/customers/${ada.customerId}/identities`)).body.items).toEqual([]);
  });

  test("ends the session that the browser had, and is in the audit log with its account", async () => {
    await link();
    const before = await world.logIn(subject);
    const begun = await world.begin();

    const cookie = `${begun.cookie}; ${cookieOf(before)}`;
    const opened = await begun.complete(await begun.answerOf(subject), { cookie });

    expect(opened.status).toBe(201);
    expect((await by(before, "GET", "/me")).status).toBe(401);
    expect((await auditOf("action=sign-on.complete&outcome=done"))[0]).toMatchObject({
      actor_customer_id: ada.customerId,
      target_kind: "browser-session",
      target_id: String(opened.body.id),
    });
  });
});

describe("with the claim of administrators named", () => {
  beforeEach(() => world.set({ adminClaim: { name: "groups", value: "operators" } }));

  test("a login that has it administers, and what it makes ends with it", async () => {
    await link();
    world.provider.people.set(subject, { groups: ["staff", "operators"] });

    const opened = await world.logIn(subject);

    expect(opened.body).toMatchObject({ is_admin: true });
    expect((await by(opened, "GET", "/hosts")).status).toBe(200);
    expect((await by(opened, "GET", "/me")).body.user_type).toBe("admin");
    const { body: key } = await by(opened, "POST", "/api-keys", { name: "made by it" });
    expect(Date.parse(key.expires_at)).toBeLessThanOrEqual(Date.parse(opened.body.expires_at));
    const made = { key: key.key, customerId: ada.customerId };
    expect((await world.api.request("GET", "/api/v1/hosts", { as: made })).status).toBe(403);
    const links = await by(opened, "POST", `/customers/${ada.customerId}/identity-invitations`, {});
    expect(links).toMatchObject({ status: 403, body: { reason_code: "identity-beyond-own-key" } });
  });

  test("one that has it no more administers nothing, in the sessions of before, too", async () => {
    await link();
    world.provider.people.set(subject, { groups: ["operators"] });
    const before = await world.logIn(subject);
    world.provider.people.set(subject, { groups: ["staff"] });

    const after = await world.logIn(subject);

    expect(after.body).toMatchObject({ is_admin: false });
    expect((await by(after, "GET", "/hosts")).status).toBe(403);
    expect((await by(before, "GET", "/hosts")).status).toBe(403);
  });

  test("an administrator's account without it opens what customers see, by keys made there, too", async () => {
    const root = await world.api.customer(`root-${count}`, "admin");
    await link(root);

    const opened = await world.logIn(subject);

    expect(opened.body).toMatchObject({ customer_id: root.customerId, is_admin: false });
    expect((await by(opened, "GET", "/me")).body.user_type).toBe("external");
    const { body: key } = await by(opened, "POST", "/api-keys", { name: "made by it" });
    const made = { key: key.key, customerId: root.customerId };
    expect((await world.api.request("GET", "/api/v1/hosts", { as: made })).status).toBe(403);
    expect((await world.api.request("GET", "/api/v1/hosts", { as: root })).status).toBe(200);
  });
});

describe("where first logins make accounts", () => {
  beforeEach(() => world.set({ makesAccounts: true }));

  test("one has the name and the verified address of the claims, and is no administrator's", async () => {
    const email = `new-${count}@example.org`;
    world.provider.people.set(subject, { preferred_username: `new ${count}`, email, email_verified: true });

    const opened = await world.logIn(subject);

    expect(opened).toMatchObject({ status: 201, body: { username: `new-${count}`, is_admin: false } });
    expect((await by(opened, "GET", "/me")).body).toMatchObject({ email, user_type: "external" });
    expect((await world.logIn(subject)).body.customer_id).toBe(opened.body.customer_id);
  });

  test.each([
    ["whose address nobody verified", { email_verified: false }, 401, "identity-email-unverified"],
    ["whose address another account has", { email_verified: true }, 409, "identity-email-taken"],
  ])("one %s is not made", async (_what, claims, status, code) => {
    world.provider.people.set(subject, { email: `ada-${count}@example.com`, ...claims });

    expect(await world.logIn(subject)).toMatchObject({ status, body: { reason_code: code } });
  });
});

describe("what is no answer to the login of this browser", () => {
  const refusedBy = async (change: (answer: URLSearchParams) => void, more: object = {}) => {
    await link();
    const begun = await world.begin();
    const answer = new URLSearchParams(await begun.answerOf(subject));
    change(answer);
    return await begun.complete(answer.toString(), more);
  };

  test.each([
    [
      "another state",
      (answer: URLSearchParams) => answer.set("state", "x".repeat(43)),
      "sign-on-state-mismatch",
    ],
    ["no state", (answer: URLSearchParams) => answer.delete("state"), "sign-on-state-mismatch"],
    ["a second state", (answer: URLSearchParams) => answer.append("state", "x"), "sign-on-state-mismatch"],
    ["a made-up code", (answer: URLSearchParams) => answer.set("code", "made-up"), "sign-on-code-spent"],
    ["no code", (answer: URLSearchParams) => answer.delete("code"), "sign-on-answer-invalid"],
    [
      "another issuer",
      (answer: URLSearchParams) => answer.set("iss", "https://evil.example"),
      "sign-on-answer-invalid",
    ],
    ["no issuer", (answer: URLSearchParams) => answer.delete("iss"), "sign-on-answer-invalid"],
  ])("with %s is refused", async (_what, change, code) => {
    const refused = await refusedBy(change);

    expect(refused).toMatchObject({ status: 401, body: { reason_code: code } });
    expect(refused.headers.get("Set-Cookie")).toBeNull();
  });

  test("without the cookie, and with one that is not ours, is refused", async () => {
    const nothing = () => undefined;

    expect((await refusedBy(nothing, { cookie: "" })).body.reason_code).toBe("sign-on-state-missing");
    subject = `${subject}-again`;
    const forged = { cookie: "remotegpu_login=bm90IG91cnM" };
    expect((await refusedBy(nothing, forged)).body.reason_code).toBe("sign-on-state-missing");
  });

  test("with two cookies is refused", async () => {
    const begun = await world.begin();

    const refused = await begun.complete("state=x&code=y", { cookie: `${begun.cookie}; ${begun.cookie}` });

    expect(refused.body.reason_code).toBe("sign-on-state-missing");
  });

  test("from a page of another origin is refused", async () => {
    expect(await refusedBy(() => undefined, { origin: "https://evil.example" })).toMatchObject({
      status: 403,
      body: { reason_code: "other-origin" },
    });
  });

  test("that comes a second time is refused by the provider", async () => {
    await link();
    const begun = await world.begin();
    const answer = await begun.answerOf(subject);
    expect((await begun.complete(answer)).status).toBe(201);

    const replayed = await begun.complete(answer);

    expect(replayed).toMatchObject({ status: 401, body: { reason_code: "sign-on-code-spent" } });
  });

  test("of another browser's login is refused", async () => {
    await link();
    const [mine, other] = [await world.begin(), await world.begin()];

    const answer = await other.answerOf(subject);

    expect((await mine.complete(answer)).body.reason_code).toBe("sign-on-state-mismatch");
  });

  test("that says no is told as that", async () => {
    const begun = await world.begin();
    const state = begun.address.searchParams.get("state");

    const answer = new URLSearchParams({
      error: "access_denied",
      state: `${state}`,
      iss: world.provider.issuer,
    });

    expect((await begun.complete(answer.toString())).body.reason_code).toBe("sign-on-denied");
  });

  test("that comes too late is refused", async () => {
    await link();
    const begun = await world.begin();
    const answer = await begun.answerOf(subject);

    world.api.passMinutes(11);

    expect((await begun.complete(answer)).body.reason_code).toBe("sign-on-state-expired");
  });
});

describe("the page to go on at", () => {
  test.each([
    "https://evil.example/",
    "//evil.example/",
    "/\\evil.example",
    "/\tevil",
    "javascript:alert(1)",
    "/api/v1/sessions",
    "",
  ])("is never %j", async (path) => {
    await link();
    const begun = await world.begin(path);

    const opened = await begun.complete(await begun.answerOf(subject));

    expect(opened.body.return_to).toBe("/");
  });
});

describe("while the provider is away", () => {
  let other: SignOnWorld;

  beforeEach(async () => void (other = await openSignOnWorld()));
  afterEach(() => other.close());
  const options = async () => (await other.api.request("GET", "/api/v1/auth/oidc")).body;
  const isAvailable = async () => (await options()).is_available;

  test("a login page is told so, and keys log in", async () => {
    await other.provider.away();

    const start = await other.api.request("GET", "/api/v1/auth/oidc/start");
    const key = await other.api.request("POST", "/api/v1/sessions", {
      body: { key: other.api.admin.key },
      headers: { Origin: PUBLIC },
    });

    expect(await options()).toEqual({ name: "Example Accounts", is_available: false, logout_url: null });
    expect(start.headers.get("Location")).toBe(`${PUBLIC}/#sign-on-refused=sign-on-provider-away`);
    expect(key.status).toBe(201);
  });

  test("it is asked again after ten seconds and no sooner, and then logins begin again", async () => {
    await other.provider.away();
    expect(await isAvailable()).toBe(false);
    await other.provider.back();

    const atOnce = await isAvailable();
    other.age(RETRIED_AFTER_MS);

    expect(atOnce).toBe(false);
    expect(await isAvailable()).toBe(true);
    expect((await other.begin()).address.origin).toBe(other.provider.issuer);
  });

  test("what is known of it goes on to serve, also when it is due to be asked again", async () => {
    expect(await isAvailable()).toBe(true);
    await other.provider.away();
    other.age(REFRESHED_AFTER_MS);

    expect(await isAvailable()).toBe(true);
    await eventually(() => other.logged().includes("does not answer"), { what: "the refresh that failed" });
    expect(await isAvailable()).toBe(true);
  });
});

test("where no provider is set, nothing of it is there", async () => {
  const { signOn } = world.api.deps;
  world.api.deps.signOn = null;
  try {
    expect((await world.api.request("GET", "/api/v1/auth/oidc")).body.name).toBeNull();
    expect((await world.api.request("POST", "/api/v1/auth/oidc/device", { body: {} })).status).toBe(404);
  } finally {
    world.api.deps.signOn = signOn;
  }
});

test("neither a log nor the audit log has a secret, a code or a token of all that", async () => {
  await link();
  const begun = await world.begin();
  const answer = await begun.answerOf(subject);
  await begun.complete(answer);
  await begun.complete(answer);

  const { rows } = await world.api.db.query("SELECT to_jsonb(a)::text AS row FROM audit_log a");
  const written = `${JSON.stringify(rows)} ${world.logged()}`;
  const code = new URLSearchParams(answer).get("code") ?? "";
  expect(code.length).toBeGreaterThan(20);
  for (const secret of [CLIENT_SECRET, code, "eyJ", "rgb_", "rgi_", begun.cookie.split("=")[1] ?? "?"])
    expect(written).not.toContain(secret);
});
