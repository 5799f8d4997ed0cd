/**
 * What an earlier version, or somebody by hand, wrote plain is read as it is, shown to nobody more, and sealed by the
 * server; and the key that seals is rotated while both are there.
 */
import { createSecretKey } from "node:crypto";
import { copyFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import {
  sealUnlessServed,
  sealingKeyCommand,
  type SealingKeyStep,
} from "@remotegpu/control-plane/server/commands/sealing-key-command";
import { Sealing } from "@remotegpu/control-plane/server/controllers/sealing";
import { SealingKeyReports } from "@remotegpu/control-plane/server/controllers/sealing-key-reports";
import { envVarSeal } from "@remotegpu/control-plane/server/link/identity/env-var-seal";
import {
  openOperator,
  type Operator,
  writeSealingKeys,
} from "@remotegpu/control-plane/server/link/servers/operator";
import type { Transaction } from "@remotegpu/control-plane/server/store/database/database";
import { transaction } from "@remotegpu/control-plane/server/store/database/transaction";
import {
  acquireLeadership,
  assertTerm,
  releaseLeadership,
} from "@remotegpu/control-plane/server/store/database/leader";
import { resealAll, unsealedCounts } from "@remotegpu/control-plane/server/store/secrets/resealing";
import type { Seals } from "@remotegpu/control-plane/server/store/secrets/sealed-tables";
import { GIB } from "@remotegpu/shared/values/units";
import { eventually } from "../../support/eventually.ts";
import type { Answer, Caller } from "../../support/http/api.ts";
import { quietLog } from "../../support/quiet-log.ts";
import {
  type ControlScene,
  openControlScene,
  type ScriptedHost,
} from "../../support/worlds/control-scene.ts";

const VARS = { TOKEN: "pl4in-value", EMPTY: "" };
const KINDS = ["environments", "training-jobs", "inference-services"] as const;
const TABLES = ["environments", "training_jobs", "inference_services", "service_revisions"];
const SECRET = "whsec_pl4in-secret";

let scene: ControlScene;
let host: ScriptedHost;
let alice: Caller & { workspaceId: number };
let viewer: Caller;
let folder: string;
let operator: Operator;
let seals: Seals;

const request = async (method: string, path: string, as: Caller, body?: object): Promise<Answer> =>
  await scene.api.request(method, `/api/v1${path}`, { as, ...(body && { body }) });
const one = async (kind: string, as: Caller): Promise<Answer["body"]> =>
  (await request("GET", `/${kind}`, as)).body.items[0];
const single = async (kind: string, as: Caller): Promise<Answer["body"]> =>
  (await request("GET", `/${kind}/${(await one(kind, as)).id}`, as)).body;
const step = async (name: SealingKeyStep): Promise<string> => {
  const output: string[] = [];
  await sealingKeyCommand(name, { db: scene.api.deps.db, operator, stateDir: folder }, (text) =>
    output.push(text),
  );
  return output.join("\n");
};

beforeAll(async () => {
  scene = await openControlScene();
  ({ operator, stateDir: folder } = scene.api);
  const { envVars, passwords, webhookSecrets: webhooks } = scene.api.deps;
  seals = { envVars, passwords, webhooks };
  host = await scene.host("host-a", { cpu: 64 });
  alice = await scene.customer("alice");
  viewer = await scene.customer("viewer");
  await scene.api.join(alice.workspaceId, alice, viewer, "viewer");
  for (const kind of KINDS)
    await request("POST", `/${kind}`, alice, {
      name: kind,
      image: "server:1",
      cpu: 1,
      memory: GIB,
      env_vars: VARS,
      ...(kind === "training-jobs" && { command: "true" }),
      ...(kind === "inference-services" && { version: "v1" }),
    });
  await request("POST", "/webhooks", alice, { url: "https://example.com/hook" });
  const login = { registry: "ghcr.io", username: "ada", password: "pl4in-password" };
  await request("POST", "/registry-credentials", alice, login);
  await scene.replicas();
  await scene.schedule();
  await makePlain();
});
afterAll(async () => {
  await scene?.close();
});

/** As an earlier version has left it. */
async function makePlain(): Promise<void> {
  const { db } = scene.api;
  await db.query("ALTER TABLE placements DISABLE TRIGGER USER");
  for (const table of TABLES) await db.query(`UPDATE ${table} SET env_vars = $1`, [JSON.stringify(VARS)]);
  await db.query(
    "UPDATE placements SET env_is_sealed = false, spec = jsonb_set(spec, '{env}', (spec -> 'env') || $1)",
    [JSON.stringify(VARS)],
  );
  await db.query("UPDATE webhooks SET secret = $1", [SECRET]);
  await db.query("ALTER TABLE placements ENABLE TRIGGER USER");
}

const written = async () =>
  (
    await scene.api.db.query<{ at: string }>(
      `SELECT updated_at::text AS at FROM environments UNION ALL SELECT updated_at::text FROM training_jobs
        UNION ALL SELECT updated_at::text FROM inference_services ORDER BY 1`,
    )
  ).rows;
const reported = async () =>
  (await host.pull())
    .map(({ specHash, spec }) => ({ specHash, env: spec.env }))
    .sort((a, b) => (a.specHash < b.specHash ? -1 : 1));
const holding = async (text: string): Promise<string[]> => {
  const found: string[] = [];
  for (const table of [...TABLES, "placements", "webhooks"]) {
    const { rowCount } = await scene.api.db.query(`SELECT FROM ${table} t WHERE t::text LIKE $1`, [
      `%${text}%`,
    ]);
    if (rowCount > 0) found.push(table);
  }
  return found;
};
const left = async () =>
  (await unsealedCounts(scene.api.deps.db, seals)).filter(({ plain, otherKeys }) => plain + otherKeys > 0);

test("what is plain still is sent to hosts and managers as it is, and to nobody else", async () => {
  expect(await holding("pl4in")).toEqual([...TABLES, "placements", "webhooks"]);

  for (const { env } of await reported()) expect(env).toMatchObject(VARS);
  for (const kind of KINDS) {
    expect((await single(kind, alice)).env_vars).toEqual(VARS);
    expect((await single(kind, viewer)).env_vars).toEqual({
      TOKEN: { sealed: true },
      EMPTY: { sealed: true },
    });
  }
});

test("an upgrade leaves it to the next server while one leads, which may be of the version before", async () => {
  const { db } = scene.api;
  await db.query("UPDATE leader SET holder = 'older', lease_until = now() + interval '1 minute'");
  const output: string[] = [];

  await sealUnlessServed(db, seals, (text) => output.push(text));

  expect(output).toEqual([expect.stringContaining("a control plane runs on this database (older)")]);
  expect(await holding("pl4in")).toEqual([...TABLES, "placements", "webhooks"]);
  await releaseLeadership(db, "older");
});

test("a scan, however long, keeps nobody from leading", async () => {
  const { db, now } = scene.api.deps;
  const lead = async () => (await acquireLeadership(db, { holder: "the test", now: now() })) ?? 0;
  const term = await lead();
  const { promise: locked, resolve: begin } = Promise.withResolvers<void>();
  const { promise: scanned, resolve: endScan } = Promise.withResolvers<void>();
  const locking = transaction(scene.api.db, async (sql) => {
    await sql.query("LOCK TABLE environments IN ACCESS EXCLUSIVE MODE");
    begin();
    await scanned;
  });
  onTestFinished(() => endScan());
  await locked;
  const assert = async (sql: Transaction) => {
    await assertTerm(sql, term);
    throw new Error("enough");
  };
  const sealing = resealAll(db, { seals, of: "plain", assert }).catch((error: Error) => error.message);
  await eventually(
    async () =>
      (await db.query("SELECT FROM pg_locks WHERE NOT granted AND relation = 'environments'::regclass"))
        .rowCount > 0,
    { what: "the scan" },
  );

  expect(await lead()).toBe(term);

  endScan();
  await locking;
  expect(await sealing).toBe("enough");
});

test("a server that leads seals it: no moment, hash, generation or value changes", async () => {
  const [hashes, moments, { generation }] = [await reported(), await written(), host.applied];
  const { db, now } = scene.api.deps;
  const term = (await acquireLeadership(db, { holder: "the test", now: now() })) ?? 0;

  await new Sealing({ db, seals, log: quietLog }).pass({ term, now: now() });

  expect(await holding("pl4in")).toEqual([]);
  expect(await left()).toEqual([]);
  expect(await reported()).toEqual(hashes);
  expect(host.applied.generation).toBe(generation);
  expect(await written()).toEqual(moments);
  for (const kind of KINDS) expect((await single(kind, alice)).env_vars).toEqual(VARS);
  expect(await resealAll(db, { seals, of: "plain" })).toEqual({ sealed: 0, left: [] });
});

test("a rotation is ended anywhere and goes on; both keys open until the old one is dropped", async () => {
  await reported();
  const before = host.desired;
  const old = seals.envVars.sealedBy;
  await expect(step("rotate")).rejects.toThrow("add another first");

  await step("add");
  expect(await step("add")).toContain("is there already");
  expect([operator.sealingKeys().keys.length, seals.envVars.sealedBy]).toEqual([2, old]);
  await expect(step("drop")).rejects.toThrow("run sealing-key rotate first");
  let steps = 0;
  const { db } = scene.api.deps;
  await step("status");
  // It dies in its third step.
  const dies = async () => {
    if ((steps += 1) === 3) throw new Error("killed");
    await Promise.resolve();
  };
  const newer = operator.sealingKeys().keys.at(-1);
  const added = { ...seals, envVars: sealedWith(newer?.name ?? "") };
  await expect(resealAll(db, { seals: added, of: "other-keys", assert: dies })).rejects.toThrow("killed");
  expect(await host.pull()).toEqual(before);

  expect(await step("rotate")).toContain("sealed anew");

  expect(seals.envVars.sealedBy).not.toBe(old);
  expect(await left()).toEqual([]);
  expect(await host.pull()).toEqual(before);
  const credentials = (await request("GET", "/registry-credentials", alice)).body.items;
  expect(credentials).toMatchObject([{ usable: true }]);
  await nobodyLeads();
  // A server that has not got the file yet writes with the old key.
  await scene.api.db.query("UPDATE environments SET env_vars = $1", [JSON.stringify(sealedByOld(old))]);
  await expect(step("drop")).rejects.toThrow("environments: 1");
  await step("rotate");
  expect(await step("drop")).toContain("the only one now");
  expect(operator.sealingKeys().keys).toHaveLength(1);
  expect(await host.pull()).toEqual(before);
  for (const kind of KINDS) expect((await single(kind, alice)).env_vars).toEqual(VARS);
  const { rows } = await scene.api.db.query<{ secret: string }>("SELECT secret FROM webhooks");
  expect(seals.webhooks.open(rows[0]?.secret ?? "", alice)).toBe(SECRET);
});

const nobodyLeads = async () =>
  void (await scene.api.db.query("UPDATE leader SET holder = NULL, lease_until = 'epoch'"));

describe("an old key is dropped", () => {
  let other: { operator: Operator; file: string };
  let clockMs: number;
  const newKey = () => operator.sealingKeys().keys.at(-1)?.name ?? "";
  const copyFile = () => copyFileSync(join(folder, "operator.json"), other.file);
  const reportsOf = ({ sealingKeys }: Operator, server: string) =>
    new SealingKeyReports({
      db: scene.api.deps.db,
      now: () => new Date(clockMs),
      keys: sealingKeys,
      server,
      holder: `holder of ${server}`,
    });

  beforeEach(async () => {
    clockMs = Date.parse("2026-03-10T03:00:00Z");
    mkdirSync(join(folder, "other"), { recursive: true });
    other = { file: join(folder, "other/operator.json"), operator };
    copyFile();
    other.operator = await openOperator(other.file);
    await scene.api.db.query("DELETE FROM sealing_key_reports");
    await nobodyLeads();
    await step("add");
  });

  test("only once every server has the new one and seals with it", async () => {
    const servers = [reportsOf(operator, "a:/state"), reportsOf(other.operator, "b:/state")];
    const report = async () => void (await Promise.all(servers.map((one) => one.pass())));
    const old = other.operator.sealingKeys().sealsWith.name;
    await report();
    expect(await step("rotate")).toContain(`b:/state does not have the key ${newKey()}`);
    await report();

    await expect(step("drop")).rejects.toThrow(
      `b:/state does not have the key ${newKey()}: copy operator.json there`,
    );
    expect(operator.sealingKeys().keys).toHaveLength(2);

    const { sealsWith: _new, keys } = operator.sealingKeys();
    writeSealingKeys(other.file, { sealsWith: keys[0]!, keys });
    await report();
    await expect(step("drop")).rejects.toThrow(`b:/state seals with the key ${old} still`);

    copyFile();
    await report();
    expect(await step("status")).toContain(`server b:/state has ${keys.map(({ name }) => name).join(", ")}`);
    expect(await step("drop")).toContain("the only one now");
  });

  test("where the servers that lack the new one have ended in order, or were not heard for a day", async () => {
    const [ended, silent] = [reportsOf(other.operator, "c:/state"), reportsOf(other.operator, "d:/state")];
    await ended.pass();
    await silent.pass();
    await step("rotate");
    await expect(step("drop")).rejects.toThrow(/c:\/state does not .*; d:\/state does not/);

    await ended.end();
    await expect(step("drop")).rejects.toThrow(/^d:\/state does not/);
    await scene.api.db.query("UPDATE sealing_key_reports SET reported_at = now() - interval '25 hours'");

    expect(await step("drop")).toContain("the only one now");
  });

  test("not while a server leads that reports nothing of its keys, as one of the version before", async () => {
    const { db } = scene.api;
    await step("rotate");
    await db.query(
      "UPDATE leader SET holder = 'holder of e:/state', lease_until = now() + interval '1 minute'",
    );

    await expect(step("drop")).rejects.toThrow("the server that leads (holder of e:/state) does not say");

    await reportsOf(operator, "e:/state").pass();
    expect(await step("drop")).toContain("the only one now");
  });

  test("by what a server that was started anew reports in place of the one before, which ends after it", async () => {
    const before = reportsOf(other.operator, "f:/state");
    await before.pass();
    await step("rotate");
    copyFile();
    const { sealingKeys } = await openOperator(other.file);
    const deps = { db: scene.api.deps.db, now: () => new Date(clockMs), keys: sealingKeys };
    const successor = new SealingKeyReports({ ...deps, server: "f:/state", holder: "successor" });
    await successor.pass();
    await before.end();

    expect(await step("status")).toContain("server f:/state has");
    expect(await step("drop")).toContain("the only one now");
  });

  describe("of two servers whose machines have one name", () => {
    const [SERVER, LATE] = ["h:/state", "h:/state (process holder of h:/state)"];
    let lacksIt: SealingKeyReports;
    /** It has the new key, and seals with it. */
    let hasIt: SealingKeyReports;
    const agoOf = async (minutes: number) =>
      void (await scene.api.db.query(
        "UPDATE sealing_key_reports SET reported_at = now() - make_interval(mins => $1) WHERE holder = $2",
        [minutes, `holder of ${SERVER}`],
      ));
    const again = async () => {
      clockMs += 60_000;
      await hasIt.pass();
    };
    beforeEach(async () => {
      lacksIt = reportsOf(other.operator, SERVER);
      await lacksIt.pass();
      await step("rotate");
      const deps = { db: scene.api.deps.db, now: () => new Date(clockMs), keys: operator.sealingKeys };
      hasIt = new SealingKeyReports({ ...deps, server: SERVER, holder: "the other" });
      await hasIt.pass();
    });
    afterEach(async () => {
      await scene.api.db.query("DELETE FROM sealing_key_reports");
      await step("drop");
    });

    test("only once both have the new one", async () => {
      await expect(step("drop")).rejects.toThrow(`${LATE} does not have the key ${newKey()}`);
      expect(await step("status")).toContain(`server ${SERVER} (process the other) has`);

      copyFile();
      await lacksIt.pass();

      expect(await step("drop")).toContain("the only one now");
    });

    test("and where one was killed, once the other has run for a while in its place", async () => {
      await agoOf(2);
      await again();
      await expect(step("drop")).rejects.toThrow(LATE);

      await agoOf(4);
      await again();

      expect(await step("drop")).toContain("the only one now");
    });

    test("and where one falls silent that was heard beside the other, after a day", async () => {
      await scene.api.db.query(
        "UPDATE sealing_key_reports SET began_at = now() - interval '1 hour' WHERE holder = 'the other'",
      );
      await agoOf(50);
      await again();

      await expect(step("drop")).rejects.toThrow(LATE);
    });
  });

  test("a server reports it again when its file has changed, and else once a minute", async () => {
    const reports = reportsOf(other.operator, "g:/state");
    const reportedAt = async () =>
      (await scene.api.db.query<{ at: string }>("SELECT reported_at::text AS at FROM sealing_key_reports"))
        .rows[0]?.at;
    await reports.pass();
    const first = await reportedAt();
    clockMs += 59_000;
    await reports.pass();
    expect(await reportedAt()).toBe(first);

    copyFile();
    await reports.pass();
    const second = await reportedAt();
    expect(second).not.toBe(first);
    clockMs += 60_000;
    await reports.pass();
    expect(await reportedAt()).not.toBe(second);
    await step("rotate");
    await scene.api.db.query("DELETE FROM sealing_key_reports");
    await step("drop");
  });
});

/** With the key of this name, which opens only as yet. */
function sealedWith(name: string): Seals["envVars"] {
  const { keys } = operator.sealingKeys();
  const sealsWith = keys.find((key) => key.name === name) ?? operator.sealingKeys().sealsWith;
  return envVarSeal({ key: operator.key, sealingKeys: () => ({ sealsWith, keys }) });
}

function sealedByOld(name: string) {
  return sealedWith(name).seal(VARS, alice);
}

test("an instance whose values no key opens is not sent to its host, and one that is to end is ordered to end", async () => {
  const strange = envVarSeal({
    key: operator.key,
    sealingKeys: () => {
      const key = { name: "gone", secret: createSecretKey(Buffer.alloc(32)) };
      return { sealsWith: key, keys: [key] };
    },
  });
  const sealed = JSON.stringify(strange.seal(VARS, alice));
  await scene.api.db.query("UPDATE placements SET spec = jsonb_set(spec, '{env}', (spec -> 'env') || $1)", [
    sealed,
  ]);
  await scene.api.db.query("UPDATE environments SET env_vars = $1", [sealed]);

  expect(await host.pull()).toEqual([]);
  expect((await single("environments", alice)).env_vars.TOKEN).toEqual({ sealed: true });
  const { id } = await one("environments", alice);
  await request("POST", `/environments/${id}/stop`, alice);
  expect((await host.pull()).map(({ want }) => want)).toEqual(["stopped"]);
});
