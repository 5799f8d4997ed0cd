/**
 * Pages of a line of 100,000 orders (`--rows` says how many) by `GET /queue`, asked ten times a second for longer than one
 * line is kept, so that several are made meanwhile; beside it a line of a hundred orders, of which making one is nothing.
 */
import { setTimeout as wait } from "node:timers/promises";
import type { Database } from "@remotegpu/control-plane/store/database/database";
import { type ApiWorld, type Caller, openApi } from "../support/http/api.ts";
import { longQuery, sceneDatabase } from "./bench-database.ts";
import { headLine, ratioLine, valuesLine } from "./comparison.ts";
import { makeFleet } from "./fleet-map.ts";

const ORDERS = 100_000;
const SMALL_ORDERS = 100;
const CUSTOMERS = 1_000;
const LIMIT = 50;
const EVERY_MS = 100;
/** Of a long line, longer than two are kept; of a short one as long as tells enough. */
const ASKED_FOR_MS = 75_000;
const SMALL_FOR_MS = 15_000;

export async function measureQueuePages(
  say: (line: string) => void,
  ending: AsyncDisposableStack,
  { rows = ORDERS }: { rows?: number | undefined } = {},
): Promise<void> {
  const small = await measured(ending, { orders: SMALL_ORDERS, forMs: SMALL_FOR_MS });
  const large = await measured(ending, { orders: rows, forMs: ASKED_FOR_MS });

  say(headLine(`GET /queue of ${rows} orders, each ${EVERY_MS} ms for ${ASKED_FOR_MS / 1_000} s`));
  const pair = { ours: p95(large.asked), bare: p95(small.asked) };
  say(ratioLine(`p95 to p95 of ${SMALL_ORDERS} orders`, [pair]));
  say(valuesLine("an answer", large.asked, "ms"));
  say(valuesLine("p95", [pair.ours], "ms"));
  say(valuesLine("the first answer, which makes the line", [large.firstMs], "ms"));
  say(`  lines made meanwhile: ${large.lines}`);
}

interface Measured {
  firstMs: number;
  asked: number[];
  lines: number;
}

async function measured(
  ending: AsyncDisposableStack,
  { orders, forMs }: { orders: number; forMs: number },
): Promise<Measured> {
  const api = await openApi({}, await sceneDatabase(ending));
  ending.defer(() => api.close());
  const customer = await api.customer("asks");
  await makeFleet(api.db, api.admin.customerId);
  await makeOrders(api.db, orders, customer);

  const beganMs = performance.now();
  let page = await pageOf(api, api.admin);
  const firstMs = performance.now() - beganMs;
  const asked: number[] = [];
  const made = new Set<string>();
  const open: Promise<void>[] = [];
  const askOne = async (nth: number) => {
    // What waits in the process for its turn has waited since it was due.
    const dueMs = startMs + nth * EVERY_MS;
    const asking = nth % 3;
    const told =
      asking === 0
        ? await pageOf(api, api.admin)
        : asking === 1
          ? await pageOf(api, api.admin, page.next_cursor)
          : await pageOf(api, customer);
    asked.push(performance.now() - dueMs);
    made.add(told.at);
    // The next is asked for deeper in the line, or from its beginning once that has ended.
    if (asking === 1) page = told;
  };
  const startMs = performance.now();
  for (let nth = 0; nth * EVERY_MS < forMs; nth += 1) {
    await wait(Math.max(0, startMs + nth * EVERY_MS - performance.now()));
    open.push(askOne(nth));
  }
  await Promise.all(open);
  return { firstMs, asked, lines: made.size };
}

interface Page {
  at: string;
  next_cursor: string | null;
}

async function pageOf({ app }: ApiWorld, as: Caller, cursor: string | null = null): Promise<Page> {
  const after = cursor === null ? "" : `&cursor=${cursor}`;
  const headers = { Authorization: `Bearer ${as.key}` };
  const answer = await app.request(`/api/v1/queue?limit=${LIMIT}${after}`, { headers });
  if (answer.status !== 200) throw new Error(`the queue got ${answer.status}: ${await answer.text()}`);
  return (await answer.json()) as Page;
}

function p95(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * 0.95)] ?? 0;
}

/** Jobs of a thousand customers on a fleet that has no room for any: each asks eight cards of a host, of which some are held. */
async function makeOrders(database: Database, orders: number, asks: Caller): Promise<void> {
  for (const statement of [
    `UPDATE hosts SET total_cpu = 128, total_memory = 2^40::bigint, total_disk = 2^42::bigint, protocol_min = 1, protocol_max = 1,
            storage_pool = 'pool', observed_digest = repeat('a', 64), observed_at = now(), last_heartbeat = now() + interval '1 hour'`,
    `INSERT INTO customers (id, username, email, password_hash)
     SELECT 100000 + n, 'waits-' || n, 'waits-' || n, '' FROM generate_series(1, ${CUSTOMERS}) n`,
    `INSERT INTO workspaces (id, owner_id, name, type) SELECT id, id, username, 'personal' FROM customers WHERE id > 100000`,
    `INSERT INTO training_jobs (id, customer_id, workspace_id, name, image, command, status, status_reason, priority, cpu, memory,
            gpu, node_count, config, created_at, queued_at, confirmed_at)
     SELECT 'job-' || lpad(n::text, 6, '0'), c.id, c.workspace, 'train ' || n, 'trainer:1', 'python train.py', 'queued',
            'Waiting for a place.', n % 3, 4, 2^33::bigint, 8, 1, '{}', at, at, at
       FROM (SELECT n, now() - n * interval '1 s' AS at, n % ${CUSTOMERS} AS whose FROM generate_series(1, ${orders}) n) o
       JOIN LATERAL (SELECT CASE o.whose WHEN 0 THEN ${asks.customerId} ELSE 100000 + o.whose END AS id,
                            CASE o.whose WHEN 0 THEN NULL ELSE 100000 + o.whose END AS workspace) c ON true`,
    "ANALYZE",
  ])
    await longQuery(database, statement);
}
