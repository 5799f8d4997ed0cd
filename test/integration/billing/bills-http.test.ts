/** Bills over HTTP: invoices, records and statistics, each against the plain rows, for whoever may see them. */
import { monthEnd } from "@remotegpu/control-plane/server/core/billing/billing-calendar";
import { closeDueMonths } from "@remotegpu/control-plane/server/controllers/billing/month-closing";
import { acquireLeadership } from "@remotegpu/control-plane/server/store/database/leader";
import { formatPoints, parsePoints } from "@remotegpu/shared/values/money";
import { MS_PER_HOUR } from "@remotegpu/shared/values/units";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openApi, problem, type ApiWorld, type Caller } from "../../support/http/api.ts";
import { insertRecords, insertRun, type RecordOptions } from "../../support/billing/bill-records.ts";
import { CHINA } from "../../support/billing/metering-scene.ts";

interface Item {
  id: number;
  customer_id: number;
  workspace_id: number | null;
  resource_type: string;
  legacy_resource_type: string | null;
  resource_id: string;
  run_id: string | null;
  /** Of the answer alone. */
  cause?: string | null;
  amount: string;
  start_time: string;
  end_time: string;
}

let api: ApiWorld;
let ann: Caller & { workspaceId: number };
let bob: Caller & { workspaceId: number };
/** Administers ann's workspace, and pays for nothing. */
let cleo: Caller & { workspaceId: number };
let dan: Caller & { workspaceId: number };
let root: Caller;
let team: number;
let all: Item[];

const HOUR_AT = (hour: number) =>
  new Date(Date.parse("2026-03-30T00:00:00Z") + hour * MS_PER_HOUR).toISOString();

beforeAll(async () => {
  api = await openApi();
  root = await api.customer("root", "admin");
  [ann, bob, cleo, dan] = [
    await api.customer("ann"),
    await api.customer("bob"),
    await api.customer("cleo"),
    await api.customer("dan"),
  ];
  team = (await api.request("POST", "/api/v1/workspaces", { as: ann, body: { name: "team" } })).body.id;
  for (const [member, role] of [
    [bob, "member"],
    [cleo, "admin"],
  ] as const)
    await api.join(team, ann, member, role);
  await insertRun(api.db, { id: "run-1", customerId: ann.customerId, orderedBy: bob.customerId });
  await insertRecords(
    api.db,
    Array.from({ length: 60 }, (_, index) => recordAt(index)),
  );
  const { rows } = await api.db.query<Item>("SELECT * FROM billing_records ORDER BY id DESC");
  all = rows.map((row) => ({
    ...row,
    start_time: new Date(row.start_time).toISOString(),
    end_time: new Date(row.end_time).toISOString(),
  }));

  const term = (await acquireLeadership(api.db, { holder: "test", now: new Date() })) ?? 0;
  const hour = new Date(monthEnd("2026-03", CHINA) + 24 * MS_PER_HOUR);
  await closeDueMonths({ db: api.db, calendar: CHINA }, { hour, term, now: hour });
});
afterAll(async () => await api.close());

/** Payers, workspaces, runs and times in turns that do not fall together; an hour each, to the midnight of the zone too. */
function recordAt(index: number): RecordOptions {
  const payer = [ann, ann, bob][index % 3] ?? ann;
  const isOld = index % 10 === 9;
  const end = HOUR_AT(index);
  return {
    customer_id: payer.customerId,
    amount: formatPoints(BigInt(index * index) - 40n),
    workspace_id: payer === bob ? bob.workspaceId : index % 2 === 0 ? team : ann.workspaceId,
    resource_id: `env-${index % 4}`,
    resource_name: index === 0 ? '=cmd|"/c calc"' : `work ${index % 4}`,
    run_id: payer === ann && index % 5 === 0 ? "run-1" : null,
    resource_type: isOld ? "legacy" : "environment",
    legacy_resource_type: isOld ? "gpu" : null,
    usage_month: isOld ? null : end <= "2026-03-31T16:00:00.000Z" ? "2026-03-01" : "2026-04-01",
    invoice_month: isOld ? null : end <= "2026-03-31T16:00:00.000Z" ? "2026-03-01" : "2026-04-01",
    start_time: HOUR_AT(index - 1),
    end_time: end,
  };
}

const get = async (path: string, as: Caller) => await api.request("GET", `/api/v1${path}`, { as });
const csv = async (path: string, as: Caller) =>
  await api.request("GET", `/api/v1${path}`, { as, headers: { Accept: "text/csv" } });

async function pages(path: string, as: Caller, limit: number): Promise<Item[]> {
  const items: Item[] = [];
  let cursor: string | null = null;
  do {
    const more: string = cursor === null ? "" : `&cursor=${cursor}`;
    const { body } = await get(`${path}${path.includes("?") ? "&" : "?"}limit=${limit}${more}`, as);
    expect(body.items.length).toBeLessThanOrEqual(limit);
    items.push(...body.items);
    cursor = body.next_cursor;
  } while (cursor !== null);
  return items;
}

/** Who sees a record. */
const MAY_SEE: Record<string, (item: Item) => boolean> = {
  ann: (item) => item.customer_id === ann.customerId,
  bob: (item) => item.customer_id === bob.customerId,
  cleo: (item) => item.workspace_id === team,
  dan: () => false,
  root: () => true,
};
function pick<T extends object>(values: T, names: readonly string[]): Partial<T> {
  return Object.fromEntries(Object.entries(values).filter(([name]) => names.includes(name))) as Partial<T>;
}

const callerOf = (name: string): Caller => ({ ann, bob, cleo, dan, root })[name] ?? dan;

const sum = (items: readonly { amount: string }[]) =>
  formatPoints(items.reduce((total, { amount }) => total + parsePoints(amount), 0n));

/** What ends at a midnight of the zone (16:00 UTC) is the day's before it. */
const dayOf = ({ end_time: end }: Item) =>
  new Date(Date.parse(end) - 1 + 8 * MS_PER_HOUR).toISOString().slice(0, 10);

describe("records", () => {
  test("of any reader, filter and page size are the same rows that a query for all of them finds", async () => {
    // One or two at a time: more leave nothing to see.
    const filters = {
      workspace_id: fc.constantFrom("team", "ann"),
      resource_id: fc.constantFrom("env-0", "env-3", "env-9"),
      run_id: fc.constant("run-1"),
      resource_type: fc.constantFrom("environment", "legacy"),
      start_time: fc.nat(40).map(HOUR_AT),
      end_time: fc.integer({ min: 20, max: 60 }).map(HOUR_AT),
      day: fc.constantFrom("2026-03-29", "2026-03-30", "2026-03-31", "2026-04-01"),
    };
    const filter = fc
      .subarray(Object.keys(filters), { maxLength: 2 })
      .chain((names) => fc.record(filters).map((drawn) => pick(drawn, names)));
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom("ann", "bob", "cleo", "dan", "root"),
        filter,
        fc.integer({ min: 7, max: 60 }),
        async (name, { workspace_id: space, ...options }, limit) => {
          // A workspace whose bill is not theirs to read is refused, which the table of rights shows.
          const workspaceId = space === "team" ? team : ann.workspaceId;
          const mayRequest = name === "ann" || name === "root" || (name === "cleo" && space === "team");
          const requested = space !== undefined && mayRequest ? { workspace_id: String(workspaceId) } : {};
          const query = new URLSearchParams({ ...options, ...requested });

          const found = await pages(`/billing/records?${query.toString()}`, callerOf(name), limit);

          const expected = all
            .filter(
              (item) => (name === "ann" && "workspace_id" in requested) || MAY_SEE[name]?.(item) === true,
            )
            .filter((item) => !("workspace_id" in requested) || item.workspace_id === workspaceId)
            .filter((item) => options.resource_id === undefined || item.resource_id === options.resource_id)
            .filter((item) => options.run_id === undefined || item.run_id === options.run_id)
            .filter(
              (item) => options.resource_type === undefined || item.resource_type === options.resource_type,
            )
            .filter((item) => options.start_time === undefined || item.end_time > options.start_time)
            .filter((item) => options.end_time === undefined || item.start_time < options.end_time)
            .filter((item) => options.day === undefined || dayOf(item) === options.day);
          expect(found.map(({ id }) => id)).toEqual(expected.map(({ id }) => id));
        },
      ),
      { numRuns: 100 },
    );
  });

  test("that give back state why, as far as it is known, and charges need not", async () => {
    const found = await pages("/billing/records", root, 200);

    const causes = Map.groupBy(found, ({ amount, run_id: runId }) =>
      [amount.startsWith("-") ? "credit" : "charge", runId === null ? "of none" : "of a run"].join(" "),
    );
    const causesOf = (kind: string) => [...new Set(causes.get(kind)?.map(({ cause }) => cause))];
    expect(causesOf("credit of a run")).toEqual(["the price at an earlier first moment"]);
    expect(causesOf("credit of none")).toEqual([null]);
    expect([...causesOf("charge of a run"), ...causesOf("charge of none")]).toEqual([null, null]);
  });

  test("are CSV for whoever accepts it: every row, exact, and no formula", async () => {
    const answer = await csv("/billing/records", ann);
    const json = await pages("/billing/records", ann, 200);

    const [head, ...lines] = (answer.body as string).split("\r\n");
    expect(answer.contentType).toBe("text/csv; charset=utf-8");
    expect(answer.headers.get("Vary")).toBe("Accept");
    expect(head).toBe(Object.keys(json[0] ?? {}).join(","));
    expect(lines.pop()).toBe("");
    expect(lines.map((line) => Number(line.split(",")[0]))).toEqual(json.map(({ id }) => id));
    const amounts = lines.map((line) => line.split(",").at(-8) ?? "");
    expect(amounts).toEqual(json.map(({ amount }) => amount));
    expect(lines.at(-1)).toContain(`,"'=cmd|""/c calc""",`);
  });

  test.each([
    ["text/csv, application/json;q=0.5", "text/csv; charset=utf-8"],
    ["application/json, text/csv;q=0.5", "application/json"],
    ["*/*", "application/json"],
    ["text/html", "application/json"],
  ])("to Accept: %s answer %s", async (Accept, expected) => {
    const answer = await api.request("GET", "/api/v1/billing/records", { as: ann, headers: { Accept } });

    expect(answer.contentType).toBe(expected);
  });

  test("as CSV obey limit and filters, and show nothing of others", async () => {
    const few = await csv("/billing/records?limit=2", ann);
    const none = await csv("/billing/records", dan);

    expect((few.body as string).split("\r\n")).toHaveLength(4);
    expect((none.body as string).split("\r\n")).toHaveLength(2);
    expect(await csv(`/billing/records?customer_id=${ann.customerId}`, dan)).toMatchObject(problem(404));
  });
});

describe("invoices", () => {
  test("are those of the customer, and everybody's for an administrator", async () => {
    const own = (await get("/billing/invoices", ann)).body.items;
    const everybodys = (await get("/billing/invoices?limit=1", root)).body;

    expect(own).toMatchObject([{ customer_id: ann.customerId, invoice_month: "2026-03-01" }]);
    expect(everybodys.items).toHaveLength(1);
    expect(everybodys.next_cursor).not.toBeNull();
    expect((await get(`/billing/invoices?customer_id=${bob.customerId}`, root)).body.items).toHaveLength(1);
    expect((await get("/billing/invoices", cleo)).body.items).toEqual([]);
  });

  test("are CSV for whoever accepts it, with the members that they have as JSON", async () => {
    const { items } = (await get("/billing/invoices", root)).body;
    const table = await csv("/billing/invoices", root);
    const own = await csv("/billing/invoices", ann);
    const few = await csv("/billing/invoices?limit=1", root);
    const linesOf = ({ body }: { body: unknown }) => String(body).split("\r\n").slice(0, -1);

    expect(table.contentType).toBe("text/csv; charset=utf-8");
    const [head, ...rows] = linesOf(table);
    expect(head?.split(",")).toEqual(Object.keys(items[0]));
    expect(rows).toEqual(
      items.map((one: Record<string, string | number | null>) =>
        Object.values(one)
          .map((value) => value ?? "")
          .join(","),
      ),
    );
    expect(linesOf(own)).toHaveLength(2);
    expect(linesOf(few)).toHaveLength(2);
    expect((await csv("/billing/invoices", cleo)).body).toBe(`${head}\r\n`);
  });

  test("have lines that sum up to their total and are the records of the month, in JSON by pages and in CSV", async () => {
    const [{ id, total_amount: total }] = (await get("/billing/invoices", ann)).body.items;

    const first = (await get(`/billing/invoices/${id}?limit=3`, ann)).body;
    const second = (await get(`/billing/invoices/${id}?limit=200&cursor=${first.lines.next_cursor}`, ann))
      .body;
    const table = (await csv(`/billing/invoices/${id}`, ann)).body as string;

    const lines: { number: number; amount: string }[] = [...first.lines.items, ...second.lines.items];
    const due = (item: Item) =>
      item.customer_id === ann.customerId &&
      item.resource_type !== "legacy" &&
      item.end_time <= "2026-03-31T16:00:00.000Z";
    expect(first.lines.items).toHaveLength(3);
    expect(second.lines.next_cursor).toBeNull();
    expect(sum(lines)).toBe(total);
    expect(sum(all.filter(due))).toBe(total);
    const cells = table.split("\r\n").slice(1, -1);
    expect(cells.map((line) => line.split(",").at(-1))).toEqual(lines.map(({ amount }) => amount));
    expect(lines).toEqual(
      expect.arrayContaining([expect.objectContaining({ ordered_by: bob.customerId, workspace_id: team })]),
    );
  });

  test("of others do not exist, not even for the administrator of a workspace that is on it", async () => {
    const [{ id }] = (await get("/billing/invoices", ann)).body.items;

    for (const stranger of [bob, cleo, dan]) {
      expect(await get(`/billing/invoices/${id}`, stranger)).toMatchObject(problem(404));
      expect(await csv(`/billing/invoices/${id}`, stranger)).toMatchObject(problem(404));
    }
    expect((await get(`/billing/invoices/${id}`, root)).status).toBe(200);
    const [entry] = (await get("/audit-log?limit=1", root)).body.items;
    expect(entry).toMatchObject({ subject: `invoice ${id}` });
  });

  test("of the old system are listed with what they have", async () => {
    await api.db.query(
      `INSERT INTO invoices (invoice_no, customer_id, billing_period_start, billing_period_end, total_amount, status)
       VALUES ('2019-1', $1, '2019-01-01', '2019-02-01', 12.5, 'pending')`,
      [dan.customerId],
    );

    const [old] = (await get("/billing/invoices", dan)).body.items;
    const detail = (await get(`/billing/invoices/${old.id}`, dan)).body;

    expect(old).toMatchObject({ invoice_no: "2019-1", total_amount: "12.5000", invoice_month: null });
    expect(detail).toMatchObject({ movements: [], lines: { items: [], next_cursor: null } });
  });
});

describe("statistics", () => {
  const stretch = fc.tuple(fc.nat(60), fc.nat(60)).map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);

  test("of any reader and time are the sums of the records that end in it, to each side and in whole", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom("ann", "bob", "cleo", "dan", "root"),
        stretch,
        fc.constantFrom("day", "month"),
        async (name, [from, to], period) => {
          const path = `/billing/statistics?start_time=${HOUR_AT(from)}&end_time=${HOUR_AT(to)}&period=${period}`;

          const { body } = await get(path, callerOf(name));

          const within = all.filter(
            (item) =>
              MAY_SEE[name]?.(item) === true && item.end_time > HOUR_AT(from) && item.end_time <= HOUR_AT(to),
          );
          const grouped = (key: (item: Item) => unknown) =>
            [...Map.groupBy(within, (item) => JSON.stringify(key(item)))].map(([of, items]) =>
              [of, items.length, sum(items)].join(" "),
            );
          const visible = (rows: { records: number; amount: string }[], key: (row: never) => unknown) =>
            rows.map((row) => [JSON.stringify(key(row as never)), row.records, row.amount].join(" "));
          expect([body.records, body.amount]).toEqual([within.length, sum(within)]);
          expect(
            visible(body.by_resource_type, (row: Item) => [
              row.resource_type,
              row.legacy_resource_type,
            ]).toSorted(),
          ).toEqual(grouped((item) => [item.resource_type, item.legacy_resource_type]).toSorted());
          expect(visible(body.by_workspace, (row: Item) => row.workspace_id).toSorted()).toEqual(
            grouped((item) => item.workspace_id).toSorted(),
          );
          expect(visible(body.by_member, (row: Item) => row.customer_id).toSorted()).toEqual(
            grouped((item) => (item.run_id === null ? null : bob.customerId)).toSorted(),
          );
          expect(visible(body.by_period, (row: { period: string }) => row.period)).toEqual(
            grouped((item) => (period === "day" ? dayOf(item) : `${dayOf(item).slice(0, 7)}-01`)).toSorted(),
          );
        },
      ),
      { numRuns: 40 },
    );
  });

  test("of a workspace and of a customer are requested by name, and of the month if no time is named", async () => {
    const span = `start_time=${HOUR_AT(-1)}&end_time=${HOUR_AT(60)}`;

    const ofTeam = (await get(`/billing/statistics?workspace_id=${team}&${span}`, cleo)).body;
    const ofAnn = (await get(`/billing/statistics?customer_id=${ann.customerId}&${span}`, root)).body;
    const month = (await get("/billing/statistics?end_time=2026-03-31T16:00:00Z", ann)).body;

    expect(ofTeam.by_workspace).toMatchObject([{ workspace_id: team, workspace_name: "team" }]);
    expect(ofTeam.amount).toBe(sum(all.filter((item) => item.workspace_id === team)));
    expect(ofAnn.amount).toBe(sum(all.filter((item) => item.customer_id === ann.customerId)));
    expect(month).toMatchObject({ start_time: "2026-02-28T16:00:00.000Z", by_period: [] });
    expect(
      await get("/billing/statistics?start_time=2026-02-01T00:00:00Z&end_time=2026-01-01T00:00:00Z", ann),
    ).toMatchObject(problem(422));
  });
});
