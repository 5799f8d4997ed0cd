/**
 * The proof of a bill, from real rows, signatures and charges: whoever has the file can verify it, any single change in
 * it is found, and nobody else's work shows in it.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { remotegpu } from "@remotegpu/control-plane/cli/program";
import { openServer } from "@remotegpu/control-plane/server/http/server/server";
import { NODE } from "@remotegpu/control-plane/server/proof/node-cryptography";
import { PROOF_FORMAT, ProofDocument } from "@remotegpu/control-plane/server/proof/proof-document";
import { verifyBill } from "@remotegpu/control-plane/server/proof/verify-bill";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { type ApiWorld, type Caller, openApi, problem } from "../../support/http/api.ts";
import { BilledRuns, type BilledScene } from "../../support/billing/billed-runs.ts";
import { changesOf } from "../../support/billing/proof-changes.ts";
import { pageVerifier } from "../../support/dashboard/page-verifier.ts";

let api: ApiWorld;
const scenes = new Map<string, BilledScene>();
const proofs = new Map<string, ProofDocument>();

beforeAll(async () => {
  api = await openApi();
  const runs = new BilledRuns(api.db);
  await runs.price(240, "9");
  for (const [name, write] of Object.entries(HISTORIES)) scenes.set(name, await write(runs, name));
  await runs.play();
  for (const name of scenes.keys()) proofs.set(name, ProofDocument.parse(await bodyOf(name)));
});
afterAll(() => api.close());

/** Each writes one run's life; minutes count from two hours before the month's end. */
const HISTORIES = {
  async whole(runs, name) {
    const one = await runs.open(name);
    const other = { run: await one.stranger("stranger") };
    one.write({ from: 0, to: 20 });
    one.write({ ...other, from: 0, to: 20 });
    one.write({ from: 20, to: 40.5 });
    one.write({ ...other, from: 20, to: 40 });
    one.write({ ...other, from: 40, to: 50 });
    one.sendAt(41, 1, 4);
    one.sendAt(51, 5);
    one.write({ ...other, from: 50, to: 70 });
    one.write({ from: 40.5, to: 70.25, final: true });
    one.write({ ...other, from: 70, to: 71, final: true });
    one.sendAt(71, 6, 8);
    return one.scene;
  },
  async "two-boots"(runs, name) {
    const one = await runs.open(name);
    const bootId = await one.boot();
    one.write({ from: 0, to: 30 });
    one.write({ from: 30, to: 35, proof: "unproven" });
    one.write({ bootId, from: 35, to: 61, proof: "bounded" });
    one.write({ bootId, from: 61, to: 61, final: true });
    one.sendAt(31, 1);
    one.sendAt(62, 2, 4);
    return one.scene;
  },
  async "late-rows"(runs, name) {
    const one = await runs.open(name);
    for (let n = 0; n < 6; n += 1) one.write({ from: n * 15, to: n * 15 + 15.1, final: n === 5 });
    one.sendAt(91, 5, 6);
    one.sendAt(95, 3, 4);
    one.sendAt(130, 1, 2);
    return one.scene;
  },
  async waived(runs, name) {
    const one = await runs.open(name);
    one.write({ from: 0, to: 60 });
    one.write({ from: 60, to: 100, final: true });
    one.sendAt(60, 1);
    one.breaksAt(70, { from: 10.3, to: 31 });
    one.stopsAt(85);
    one.sendAt(101, 2);
    return one.scene;
  },
  async gang(runs, name) {
    const one = await runs.open(name);
    one.write({ from: 0, to: 60 });
    one.write({ from: 60, to: 100, final: true });
    one.sendAt(60, 1);
    one.sendAt(101, 2);
    one.breaksAt(110, { from: 70, to: 95, reason: "gang-broken" });
    return one.scene;
  },
  async "month-split"(runs, name) {
    const one = await runs.open(name);
    one.write({ from: 100.7, to: 119 });
    one.write({ from: 119, to: 150.2, final: true });
    one.sendAt(119, 1);
    one.sendAt(151, 2);
    return one.scene;
  },
  async "in-part"(runs, name) {
    const one = await runs.open(name);
    one.write({ from: 0, to: 20 });
    one.write({ from: 20, to: 90 });
    one.write({ from: 90, to: 91, instanceId: "i-other" });
    one.write({ from: 30, to: 31, final: true });
    one.sendAt(25, 1, 2);
    one.sendAt(92, 3, 4);
    return one.scene;
  },
  async "lost-rows"(runs, name) {
    const one = await runs.open(name);
    const other = { run: await one.stranger("neighbour") };
    one.write({ from: 0, to: 10 });
    one.lose(one.write({ ...other, from: 0, to: 10 }));
    one.write({ from: 10, to: 20 });
    one.lose(one.write({ from: 20, to: 30 }));
    one.writeLost();
    one.write({ from: 30, to: 40, final: true });
    one.sendAt(41, 1, 6);
    return one.scene;
  },
  async "two-journals"(runs, name) {
    const one = await runs.open(name);
    one.write({ from: 0, to: 20 });
    one.sendAt(21, 1);
    one.newJournal();
    one.write({ from: 25, to: 50 });
    one.write({ from: 50, to: 62, final: true });
    one.sendAt(63, 1, 2);
    return one.scene;
  },
  async "broken-chain"(runs, name) {
    const one = await runs.open(name);
    one.write({ from: 0, to: 20 });
    one.sendAt(21, 1);
    one.newJournal();
    const [first, second] = [one.write({ from: 20, to: 30 }), one.write({ from: 30, to: 40 })];
    one.sendAt(41, first, second);
    one.rewrite(second, { from: 30, to: 55 });
    one.write({ from: 55, to: 56, final: true });
    one.sendAt(57, second, second + 1);
    return one.scene;
  },
  async repriced(runs, name) {
    const one = await runs.open(name);
    one.write({ from: 250, to: 290 });
    one.write({ from: 235, to: 250 });
    one.write({ from: 290, to: 310, final: true });
    one.sendAt(291, 1);
    one.sendAt(301, 2);
    one.sendAt(311, 3);
    return one.scene;
  },
  async restored(runs, name) {
    const one = await runs.open(name);
    one.write({ run: await one.stranger("guest"), from: 0, to: 5 });
    one.sendAt(6, 1);
    one.forgottenAt(7, 1);
    one.write({ from: 0, to: 12, final: true });
    one.sendAt(13, 2);
    return one.scene;
  },
  async "still-running"(runs, name) {
    const one = await runs.open(name);
    for (let n = 0; n < 6; n += 1) one.sendAt(n * 60 + 70.5, one.write({ from: n * 60, to: n * 60 + 70 }));
    return one.scene;
  },
} satisfies Record<string, (runs: BilledRuns, name: string) => Promise<BilledScene>>;
const NAMES = Object.keys(HISTORIES);

const callers = new Map<number, Caller>();
/** The scene's customer, with a key. */
async function payer(name: string): Promise<Caller> {
  const { customerId } = scenes.get(name) ?? { customerId: 0 };
  const known = callers.get(customerId);
  if (known !== undefined) return known;
  const made = await api.request("POST", `/api/v1/customers/${customerId}/api-keys`, {
    as: api.admin,
    body: {},
  });
  const caller = { key: made.body.key, customerId };
  callers.set(customerId, caller);
  return caller;
}

async function recordsOf(name: string): Promise<{ id: number; amount: string; billing_minutes: number }[]> {
  const path = `/api/v1/billing/records?run_id=run-${name}&limit=200`;
  return (await api.request("GET", path, { as: await payer(name) })).body.items;
}

async function bodyOf(name: string): Promise<unknown> {
  const [record] = await recordsOf(name);
  const answer = await api.request("GET", `/api/v1/billing/records/${record?.id}/proof`, {
    as: await payer(name),
  });
  expect(answer).toMatchObject({ status: 200, contentType: "application/json" });
  return answer.body;
}

function proofOf(name: string): ProofDocument {
  const proof = proofs.get(name);
  if (proof === undefined) throw new Error(`no proof of ${name}`);
  return proof;
}

describe("a proof as it was made", () => {
  test.each(NAMES)("holds: %s", (name) => {
    expect(verifyBill(proofOf(name), NODE).faults).toEqual([]);
  });

  test.each([
    ["whole", 71, "7.1000", 3],
    ["two-boots", 56, "5.6000", 4],
    ["waived", 65, "6.5000", 2],
    ["gang", 75, "7.5000", 2],
    ["month-split", 50, "5.0000", 2],
    ["lost-rows", 30, "3.0000", 3],
    ["two-journals", 57, "5.7000", 3],
    ["repriced", 75, "7.5000", 3],
  ])("states of %s what was charged: %i minutes", async (name, minutes, amount, rows) => {
    const { run, records } = proofOf(name);

    expect(run).toMatchObject({ billed_minutes: minutes, amount, rows, is_charge_due: false });
    expect(records.map((record) => record.id)).toEqual((await recordsOf(name)).map(({ id }) => id).reverse());
    expect(records.reduce((sum, record) => sum + record.billing_minutes, 0)).toBe(minutes);
  });

  test("states what it proves, and what no file can", () => {
    const { statement, notes } = verifyBill(proofOf("whole"), NODE);

    expect(notes).toEqual([]);
    expect(statement).toContain("3 rows up to 2 heads");
    expect(statement).toContain("71 minutes");
    const { customerId, workspaceId } = scenes.get("whole") ?? {};
    expect(statement).toContain(`took, all from customer ${customerId}.`);
    expect(statement.slice(statement.indexOf("Not proven:"))).toContain(
      `that customer ${customerId} owned workspace ${workspaceId} when the run began and so had to pay`,
    );
  });

  test("states of a lost row which rows it retains from their head", () => {
    expect(verifyBill(proofOf("lost-rows"), NODE).notes).toEqual([
      expect.stringMatching(/^2 rows without a signed head/),
    ]);
  });

  test("notes where the row before is lost with an earlier database, unless its host has reported the hash", async () => {
    const reported = verifyBill(proofOf("restored"), NODE);
    await api.db.query("UPDATE usage_batches SET first_seq = NULL, previous_hash = NULL WHERE host_id = $1", [
      scenes.get("restored")?.hostId,
    ]);

    const untold = verifyBill(ProofDocument.parse(await bodyOf("restored")), NODE);

    expect(reported).toMatchObject({ faults: [], notes: [] });
    expect(untold).toMatchObject({
      faults: [],
      notes: [expect.stringMatching(/^1 row without a signed head/)],
    });
  });

  test("states what was waived and why, what was accepted in part, and what is still to be charged", () => {
    const [waiver] = proofOf("waived").waivers;
    const parts = proofOf("in-part").segments.flatMap(({ rows }) => rows.filter((row) => row.kind === "own"));

    expect(waiver).toMatchObject({ reason: "gpu-lost", evidence: { sentence: "the card fell off the bus" } });
    expect(parts.map(({ verdict, reason }) => [verdict, reason])).toEqual([
      ["accepted", null],
      ["accepted", "over-claim"],
      ["quarantined", "wrong-placement"],
      ["accepted", null],
    ]);
    expect(proofOf("in-part").set_aside).toHaveLength(2);
    expect(verifyBill(proofOf("still-running"), NODE).notes).toEqual([
      expect.stringContaining("waits for a charge: 60 minutes"),
    ]);
  });

  test("states of rows within a minute that is paid that they change none", () => {
    const proof = proofOf("waived");

    const { faults, notes } = verifyBill({ ...proof, run: { ...proof.run, is_charge_due: true } }, NODE);

    expect(faults).toEqual([]);
    expect(notes).toContainEqual(expect.stringContaining("they change no minute"));
  });

  test("lists rows off the chain among what was set aside", () => {
    const proof = proofOf("broken-chain");

    expect(proof.set_aside.map(({ reason }) => reason)).toEqual([
      "same key, different content",
      "broken-chain",
    ]);
    expect(proof.run.rows).toBe(3);
  });
});

describe("nobody else", () => {
  test.each(["whole", "lost-rows"])("shows in the proof of %s, whose host had other work", (name) => {
    const text = JSON.stringify(proofOf(name));
    const foreign = scenes.get(name)?.foreign ?? [];

    expect(foreign).not.toEqual([]);
    expect(foreign.filter((runId) => text.includes(runId))).toEqual([]);
    expect(text).toContain('"kind":"other"');
  });

  test("gets it unseen: an administrator's access is in the audit log", async () => {
    const [record] = await recordsOf("whole");
    const path = `/api/v1/billing/records/${record?.id}/proof`;

    expect((await api.request("GET", path, { as: api.admin })).status).toBe(200);
    const { rows } = await api.db.query("SELECT subject, status FROM audit_log WHERE route = $1", [path]);
    expect(rows).toEqual([{ subject: `proof of billing record ${record?.id}`, status: 200 }]);
  });
});

describe("a record without rows", () => {
  const record = async (type: string, month: string | null): Promise<number> => {
    const { rows } = await api.db.query<{ id: number }>(
      `INSERT INTO billing_records (customer_id, resource_type, resource_id, quantity, unit_price, amount, start_time,
         end_time, usage_month, invoice_month) VALUES ($1, $2, 'ws-1', 3.5, 0.003333, 0.0117, now(), now(), $3, $3)
       RETURNING id`,
      [scenes.get("whole")?.customerId, type, month],
    );
    return rows[0]?.id ?? 0;
  };

  test.each([
    ["storage", "2026-03-01", 409, "it was charged for storage of ws-1, 3.5 for 0.0117"],
    ["environment", null, 404, "of the old system"],
    ["storage", null, 404, "of the old system"],
  ])("reports so: %s of month %s", async (type, month, status, detail) => {
    const path = `/api/v1/billing/records/${await record(type, month)}/proof`;

    const answer = await api.request("GET", path, { as: await payer("whole") });

    expect(answer).toMatchObject(problem(status));
    expect(answer.body.detail).toContain(detail);
  });
});

describe("any single change", () => {
  test.each(NAMES)("is found, and named: %s", (name) => {
    const changes = changesOf(proofOf(name));
    const unnamed = changes.flatMap(({ what, make, names }) => {
      const { faults } = verifyBill(make(structuredClone(proofOf(name))), NODE);
      return faults.some((fault) => names.test(fault)) ? [] : [`${what}: ${faults.join("; ")}`];
    });

    expect(changes.length).toBeGreaterThan(30);
    expect(unnamed).toEqual([]);
  });
});

describe("the page's verifier, as it is bundled", () => {
  let judge: Awaited<ReturnType<typeof pageVerifier>>;
  beforeAll(async () => {
    judge = await pageVerifier();
  });

  /** By the server's own code. */
  function verdictOn(text: string): object {
    const parsed = ProofDocument.safeParse(JSON.parse(text));
    if (parsed.success) return { kind: "judged", ...verifyBill(parsed.data, NODE) };
    const [issue] = parsed.error.issues;
    return { why: "format", detail: `${PROOF_FORMAT}: ${issue?.path.join(".")}: ${issue?.message}` };
  }

  test.each(NAMES)("reports of a proof and of every change what the command reports: %s", (name) => {
    const made = changesOf(proofOf(name)).map(({ make }) => make(structuredClone(proofOf(name))));

    for (const text of [proofOf(name), ...made].map((proof) => JSON.stringify(proof)))
      expect(judge(text)).toMatchObject(verdictOn(text));
  });

  test("refuses what is no proof with the command's words, whatever stands in place of whichever value", () => {
    const proof = proofOf("waived");
    let refused = 0;

    for (const text of placesIn(proof).flatMap((place) =>
      WRONG.map((value) => replaced(proof, place, value)),
    )) {
      const verdict = verdictOn(text);
      if ("why" in verdict) refused += 1;
      expect(judge(text)).toMatchObject(verdict);
    }
    expect(refused).toBeGreaterThan(1_000);
  });

  const WRONG = [null, true, -1, 0.5, 2 ** 53, "", "x", "\u0000", " 1.0000", "9".repeat(400), [], {}];

  type Place = readonly (string | number)[];
  const isParent = (value: unknown): value is object => typeof value === "object" && value !== null;

  function placesIn(value: unknown, at: Place = []): Place[] {
    if (!isParent(value)) return [at];
    const keys = Array.isArray(value) ? [...value.keys()] : Object.keys(value);
    const within = keys.flatMap((key) =>
      placesIn((value as Record<string | number, unknown>)[key], [...at, key]),
    );
    return at.length === 0 ? within : [at, ...within];
  }

  function replaced(proof: ProofDocument, place: Place, wrong: unknown): string {
    const copy = structuredClone(proof);
    const parent = place
      .slice(0, -1)
      .reduce<unknown>((value, key) => (value as Record<string | number, unknown>)[key], copy);
    (parent as Record<string | number, unknown>)[place.at(-1) ?? ""] = wrong;
    return JSON.stringify(copy);
  }
});

describe("the commands", () => {
  const folder = mkdtempSync(join(tmpdir(), "proof-"));
  afterAll(() => rmSync(folder, { recursive: true }));

  async function command(...args: string[]): Promise<{ printed: string; exitCode: unknown }> {
    const printed: string[] = [];
    const write = vi
      .spyOn(process.stdout, "write")
      .mockImplementation((text) => printed.push(String(text)) > 0);
    const before = process.exitCode;
    process.exitCode = 0;
    try {
      await remotegpu().parseAsync(args, { from: "user" });
      return { printed: printed.join(""), exitCode: process.exitCode };
    } finally {
      process.exitCode = before;
      write.mockRestore();
    }
  }

  test("fetch a proof, find it good, and find a changed one bad, line by line", async () => {
    const server = await openServer(api.app, { host: "127.0.0.1", port: 0, tls: null });
    onTestFinished(() => server.close());
    const { key } = await payer("whole");
    const file = join(folder, "whole.json");
    const [record] = await recordsOf("whole");

    const server_ = ["--server", `http://127.0.0.1:${server.port}`, "--key", key];
    const fetched = await command("proof", String(record?.id), "--output", file, ...server_);
    const good = await command("verify-bill", file);
    const proof = ProofDocument.parse(JSON.parse(readFileSync(file, "utf8")));
    proof.run.amount = "7.2000";
    for (const entry of proof.ledger[0]?.entries ?? []) entry.amount = "9.0000";
    writeFileSync(file, JSON.stringify(proof));
    const bad = await command("verify-bill", file);

    expect(fetched.printed).toContain("remotegpu verify-bill");
    expect(good).toEqual({
      exitCode: 0,
      printed: expect.stringMatching(/^Verified of run run-whole: .*\n$/),
    });
    expect(bad.exitCode).toBe(1);
    expect(bad.printed.split("\n")).toEqual([
      "run run-whole is said to cost 7.2000, and its records come to 7.1000",
      expect.stringMatching(/^ledger transaction \d+ does not sum to zero$/),
      expect.stringMatching(/^ledger transaction \d+ took -9\.0000, and its records come to /),
      "This bill does not hold (faults: 3).",
      "",
    ]);
  });

  test("refuse what is no proof, and never obey it", async () => {
    const file = join(folder, "hostile.json");
    const hostile = fc.oneof(
      fc.string(),
      fc.json(),
      fc.constantFrom(...changesOf(proofOf("whole"))).map(({ make }) => {
        const text = JSON.stringify(make(structuredClone(proofOf("whole"))));
        return text.replace(/"seq":\d+/, '"seq":1e300').replace("run-whole", "\u001b[2J");
      }),
    );
    await fc.assert(
      fc.asyncProperty(hostile, async (text) => {
        writeFileSync(file, text);

        await expect(command("verify-bill", file)).rejects.toMatchObject({
          kind: "refused",
          message: expect.stringMatching(/^\P{Cc}*$/u),
        });
      }),
      { numRuns: 50 },
    );
    await expect(command("verify-bill", join(folder, "missing"))).rejects.toMatchObject({ kind: "usage" });
  });
});
