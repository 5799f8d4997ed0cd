/**
 * Prometheus metrics: what this process answered, and the state of the fleet as the database has it. Fleet
 * numbers are for administrators, so strangers are refused; a scraper on the same machine needs no key, and one elsewhere
 * a key that opens nothing else.
 */
import { createMiddleware } from "hono/factory";
import { routePath } from "hono/route";
import { MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import { LOOPBACK } from "../../core/accounts/client-address.ts";
import { scopeRefusal } from "../../core/accounts/key-scopes.ts";
import { type TrialBalance, trialBalance } from "../../store/billing/ledger/ledger.ts";
import { fleetGauges } from "../../store/fleet/fleet.ts";
import { actorFrom } from "../request/authentication.ts";
import type { ApiContext, ApiDeps, ApiEnv } from "../deps.ts";
import { peerAddress } from "../request/rate-limit.ts";
import { forbidden } from "../request/refusal.ts";

/** Labels are the route's pattern, never the path: a stranger must not be able to grow the map. */
export const countRequests = createMiddleware<ApiEnv>(async (c, next) => {
  const startedMs = performance.now();
  await next();
  const { answered } = c.var;
  const label = `method="${methodLabel(c.req.method)}",route="${routePath(c, -1)}",status="${c.res.status}"`;
  answered.byLabel.set(label, (answered.byLabel.get(label) ?? 0) + 1);
  answered.secondsTotal += (performance.now() - startedMs) / 1000;
  answered.count += 1;
});

function methodLabel(method: string): string {
  return ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"].includes(method) ? method : "OTHER";
}

/** The books are summed up at most this often, since that reads every entry. */
const BOOKS_FRESH_MS = 5 * MS_PER_MINUTE;

export class SummedBooks {
  readonly #deps: Pick<ApiDeps, "db" | "now">;
  #summed: { at: Date; balance: TrialBalance } | null = null;

  constructor(deps: Pick<ApiDeps, "db" | "now">) {
    this.#deps = deps;
  }

  async balance(): Promise<TrialBalance> {
    const now = this.#deps.now();
    if (this.#summed !== null && now.getTime() - this.#summed.at.getTime() < BOOKS_FRESH_MS)
      return this.#summed.balance;
    const balance = await trialBalance(this.#deps.db);
    this.#summed = { at: now, balance };
    return balance;
  }
}

const OWN_MACHINE = new Set(["local", ...LOOPBACK]);

export async function metricsText(c: ApiContext, books: SummedBooks): Promise<string> {
  await refuseStrangers(c);
  const { deps, answered } = c.var;
  const lines = [
    "# HELP remotegpu_http_requests_total Requests answered by this process.",
    "# TYPE remotegpu_http_requests_total counter",
    ...[...answered.byLabel].map(([label, count]) => `remotegpu_http_requests_total{${label}} ${count}`),
    "# HELP remotegpu_http_request_seconds Time spent answering.",
    "# TYPE remotegpu_http_request_seconds summary",
    `remotegpu_http_request_seconds_sum ${answered.secondsTotal}`,
    `remotegpu_http_request_seconds_count ${answered.count}`,
  ];
  const { total, unbalancedCustomers } = await books.balance();
  lines.push(
    "# HELP remotegpu_ledger_imbalance Sum of all ledger entries; anything but 0 is wrong.",
    "# TYPE remotegpu_ledger_imbalance gauge",
    `remotegpu_ledger_imbalance ${total}`,
    "# HELP remotegpu_customers_unbalanced Customers whose balance is not the sum of their ledger entries.",
    "# TYPE remotegpu_customers_unbalanced gauge",
    `remotegpu_customers_unbalanced ${unbalancedCustomers}`,
  );
  for (const gauge of await fleetGauges(deps.db)) {
    lines.push(`# HELP remotegpu_${gauge.name} ${gauge.help}`, `# TYPE remotegpu_${gauge.name} gauge`);
    for (const { labels, value } of gauge.samples) {
      const written = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`);
      lines.push(`remotegpu_${gauge.name}${written.length === 0 ? "" : `{${written.join(",")}}`} ${value}`);
    }
  }
  return `${lines.join("\n")}\n`;
}

/** What ends a label's text, or a line, must not stand in one. */
function escaped(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

/** A forwarded request comes from elsewhere, even when the proxy stands on this machine. */
async function refuseStrangers(c: ApiContext): Promise<void> {
  const forwarded = c.req.header("X-Forwarded-For") !== undefined || c.req.header("Forwarded") !== undefined;
  if (!forwarded && OWN_MACHINE.has(peerAddress(c))) return;
  const { isAdmin, keyRights } = await actorFrom(c);
  if (keyRights.role === "metrics") return;
  if (!isAdmin) throw forbidden("metrics-not-allowed");
  const refusal = scopeRefusal(keyRights, "read");
  if (refusal !== null) throw forbidden(refusal);
}
