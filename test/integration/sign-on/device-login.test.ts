/** Logins of the command by the device flow, by the command itself against the real API and a real provider. */
import { execa } from "execa";
import { openServer } from "@remotegpu/control-plane/server/http/server/server";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Caller } from "../../support/http/api.ts";
import { eventually } from "../../support/eventually.ts";
import { CLIENT_SECRET } from "../../support/sign-on/provider.ts";
import { ProviderBrowser } from "../../support/sign-on/provider-browser.ts";
import { openSignOnWorld, type SignOnWorld } from "../../support/sign-on/sign-on-world.ts";

const COMMAND = new URL("../../../control-plane/cli/main.ts", import.meta.url).pathname;

let world: SignOnWorld;
let server: Awaited<ReturnType<typeof openServer>>;
let folder: string;
let ada: Caller;
let count = 0;

beforeAll(async () => {
  world = await openSignOnWorld();
  server = await openServer(world.api.app, { host: "127.0.0.1", port: 0, tls: null });
  folder = mkdtempSync(join(tmpdir(), "remotegpu-device-"));
  ada = await world.api.customer("ada");
});
afterAll(async () => {
  await server.close();
  await world.close();
  rmSync(folder, { recursive: true, force: true });
});

async function linked(caller: Caller): Promise<{ subject: string; identityId: number }> {
  const subject = `device-${(count += 1)}`;
  const { body } = await world.api.request("POST", `/api/v1/customers/${caller.customerId}/identities`, {
    as: world.api.admin,
    body: { subject },
  });
  return { subject, identityId: body.id };
}

const poll = async (login: string) =>
  await world.api.request("POST", "/api/v1/auth/oidc/device/poll", { body: { login } });

/** The command with a home of its own. */
const command = (...words: string[]) => run(words);

function run(words: string[], env: Record<string, string> = {}) {
  return execa(process.execPath, [COMMAND, ...words], {
    env: { XDG_CONFIG_HOME: folder, REMOTEGPU_SERVER: `http://127.0.0.1:${server.port}`, ...env },
    input: "",
    reject: false,
    timeout: 60_000,
  });
}

describe("remotegpu login --sso", () => {
  test("prints an address and a code, and keeps a key with an end that logout revokes", async () => {
    const { subject } = await linked(ada);
    const profile = join(folder, "remotegpu", "profile.json");
    const running = command("login", "--sso");
    let printed = "";
    running.stderr.on("data", (bytes: Buffer) => void (printed += bytes.toString()));
    await eventually(async () => printed.includes("or open "), { what: "the address" });
    const [, address = ""] = /or open (\S+) and compare/.exec(printed) ?? [];

    await new ProviderBrowser().logIn(address, subject);

    const { exitCode, stdout } = await running;
    expect([exitCode, stdout]).toEqual([0, expect.stringContaining("Logged in as ada.")]);
    expect(statSync(profile).mode & 0o777).toBe(0o600);
    const { key } = JSON.parse(readFileSync(profile, "utf8"));
    const as = { key, customerId: ada.customerId };
    const { body: me } = await world.api.request("GET", "/api/v1/me", { as });
    const hours = (Date.parse(me.key_expires_at ?? "") - Date.now()) / 3_600_000;
    expect([hours > 11.9, hours <= 12, me.username]).toEqual([true, true, "ada"]);
    expect(printed + stdout).not.toContain(key);
    expect((await command("logout")).stdout).toContain("its key was revoked");
    expect((await world.api.request("GET", "/api/v1/me", { as })).status).toBe(401);
    expect(existsSync(profile)).toBe(false);
  });
});

test("remotegpu customer identity-… links, lists, invites and unlinks", async () => {
  const owner = async (...words: string[]) =>
    (await run(["customer", ...words], { REMOTEGPU_KEY: world.api.admin.key })).stdout;

  const linking = await owner("identity-link", "ada", "by-command");
  const listed = await owner("identity-list", "ada", "--json");
  const invitation = await owner("identity-invite", "ada");
  const { items } = JSON.parse(listed) as { items: { id: number; subject: string }[] };
  const made = items.find(({ subject }) => subject === "by-command");
  const unlinking = await owner("identity-unlink", "ada", String(made?.id));

  expect(linking).toContain("(by-command) logs in to customer");
  expect(invitation).toMatch(/^http:\/\/localhost:8080\/#invitation=rgi_[\w-]{43}$/);
  expect(unlinking).toContain("logs in no more");
  expect(await owner("identity-list", "ada")).not.toContain("by-command");
});

describe("a login of a command", () => {
  const begin = async () => {
    const { body } = await world.api.request("POST", "/api/v1/auth/oidc/device", { body: {} });
    return { ...body, confirmAt: body.verification_uri_complete ?? "" };
  };

  test("waits until it is confirmed, and its code opens one key", async () => {
    const { subject } = await linked(ada);
    const begun = await begin();
    expect((await poll(begun.login)).body).toMatchObject({ state: "waiting", key: null });

    await new ProviderBrowser().logIn(begun.confirmAt, subject);

    const { status, body } = await poll(begun.login);
    expect([status, body]).toMatchObject([200, { state: "done", username: "ada", login: null }]);
    expect(await poll(begun.login)).toMatchObject({
      status: 401,
      body: { reason_code: "sign-on-device-expired" },
    });
    const { rows } = await world.api.db.query(
      "SELECT outcome, actor_customer_id FROM audit_log WHERE action = 'sign-on.device' ORDER BY id",
    );
    expect(rows.slice(-2)).toEqual([
      { outcome: "done", actor_customer_id: ada.customerId },
      { outcome: "refused", actor_customer_id: null },
    ]);
  });

  test("of somebody unknown is refused with their subject", async () => {
    const begun = await begin();

    await new ProviderBrowser().logIn(begun.confirmAt, "nobody");

    expect(await poll(begun.login)).toMatchObject({
      status: 401,
      body: { reason_code: "identity-unknown", reason_params: { subject: "nobody" } },
    });
  });

  test("ends with the identity", async () => {
    const { subject, identityId } = await linked(ada);
    const begun = await begin();
    await new ProviderBrowser().logIn(begun.confirmAt, subject);
    const { body } = await poll(begun.login);
    const as = { key: String(body.key), customerId: ada.customerId };
    expect((await world.api.request("GET", "/api/v1/me", { as })).status).toBe(200);

    const path = `/api/v1/customers/${ada.customerId}/identities/${identityId}`;
    expect((await world.api.request("DELETE", path, { as: world.api.admin })).status).toBe(204);

    expect((await world.api.request("GET", "/api/v1/me", { as })).status).toBe(401);
  });

  test("has the rights that the claim gives, for as long as its key", async () => {
    const { subject } = await linked(ada);
    world.set({ adminClaim: { name: "groups", value: "operators" } });
    world.provider.people.set(subject, { groups: ["operators"] });
    try {
      const begun = await begin();
      await new ProviderBrowser().logIn(begun.confirmAt, subject);
      const { body } = await poll(begun.login);

      const as = { key: String(body.key), customerId: ada.customerId };
      expect((await world.api.request("GET", "/api/v1/hosts", { as })).status).toBe(200);
    } finally {
      world.set({ adminClaim: null });
    }
  });

  test.each(["made-up", ""])("that is none of ours (%j) is refused", async (login) => {
    expect(await poll(login)).toMatchObject({
      status: 401,
      body: { reason_code: "sign-on-device-unknown" },
    });
  });

  test("of a browser's state is none", async () => {
    const { cookie } = await world.begin();

    expect(await poll(cookie.split("=")[1] ?? "")).toMatchObject({
      status: 401,
      body: { reason_code: "sign-on-device-unknown" },
    });
  });

  test("writes no code, token or secret anywhere", async () => {
    const { rows } = await world.api.db.query("SELECT to_jsonb(a)::text AS row FROM audit_log a");
    const written = JSON.stringify(rows) + world.logged();

    for (const secret of [CLIENT_SECRET, "eyJ", "rgk_"]) expect(written).not.toContain(secret);
  });
});
