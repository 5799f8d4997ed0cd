/** The proof of a bill, to whoever may read the bill: written out a page of rows at a time, since it may be long. */
import { createRoute } from "@hono/zod-openapi";
import { BILL_READERS } from "../../../core/accounts/access-rights.ts";
import { MAX_SEGMENTS, ProofDocument } from "../../../proof/proof-document.ts";
import { workspaceIdsOf } from "../../../store/accounts/workspaces.ts";
import type { Database } from "../../../store/database/database.ts";
import { transaction } from "../../../store/database/transaction.ts";
import {
  type ProofFacts,
  proofFacts,
  provenRecord,
  type ProvenRecord,
} from "../../../store/billing/proof/proof-facts.ts";
import { segmentsOf, type Span, spansOf } from "../../../store/billing/proof/proof-rows.ts";
import type { ApiApp, ApiContext, ApiDeps } from "../../deps.ts";
import { actingOn } from "../../request/audit.ts";
import { ApiRefusal, conflict, notFound } from "../../request/refusal.ts";
import { forCustomersWith, NumericIdPath, ok } from "../../request/route.ts";
import type { Reason } from "../../../core/reasons/reason.ts";
import { inEnglish } from "../../../core/reasons/english/english.ts";

/** Each has a batch's rows at most. */
const SEGMENTS_PER_PAGE = 50;

const getProof = createRoute({
  ...forCustomersWith("money"),
  method: "get",
  path: "/billing/records/{id}/proof",
  tags: ["billing"],
  summary:
    "All that the charges of this record's run came from, to be verified by anybody (remotegpu verify-bill)",
  request: { params: NumericIdPath },
  responses: ok("The proof", ProofDocument),
});

export function registerProofRoute(api: ApiApp, { db, config, now }: ApiDeps): void {
  api.openapi(getProof, async (c) => {
    const { id } = c.req.valid("param");
    const runId = runOf(await readableRecord(c, id));
    const requested = {
      recordId: id,
      runId,
      utcOffsetMinutes: config.billingCalendar.utcOffsetMinutes,
      now: now(),
    };
    const { facts, spans } = await transaction(
      db,
      async (snapshot) => {
        const facts = await proofFacts(snapshot, requested);
        return { facts, spans: await spansOf(snapshot, { runId, hostId: facts.run.host_id }) };
      },
      { isolation: "repeatable read" },
    );
    if (spans.length > MAX_SEGMENTS) throw conflict({ code: "run-rows-too-many", params: { run_id: runId } });
    const body = ReadableStream.from(written(db, facts, spans)).pipeThrough(new TextEncoderStream());
    const answer = c.body(body, 200, { "Content-Type": "application/json" });
    // The router's types want to see the document; this one is never in memory as a whole.
    return answer as never;
  });
}

/** The record, if the actor may read the bill that it is on. @throws ApiRefusal not-found to everybody else */
async function readableRecord(c: ApiContext, id: number): Promise<ProvenRecord> {
  const { actor, deps } = c.var;
  const thing: Reason = { code: "named-billing-record", params: { record_id: id } };
  const record = await provenRecord(deps.db, id);
  if (record === null) throw notFound(thing);
  actingOn(c, { ownerCustomerId: record.customer_id, subject: `proof of ${inEnglish(thing)}` });
  if (actor.isAdmin || record.customer_id === actor.customerId) return record;
  const bills = await workspaceIdsOf(deps.db, actor.customerId, BILL_READERS);
  if (record.workspace_id === null || !bills.includes(record.workspace_id)) throw notFound(thing);
  return record;
}

/** @throws ApiRefusal for a record that no run was charged by */
function runOf(record: ProvenRecord): string {
  if (record.run_id !== null) return record.run_id;
  if (record.usage_month === null)
    throw new ApiRefusal("not-found", { code: "record-of-old-system", params: { record_id: record.id } });
  throw conflict({
    code: "record-without-journal",
    params: {
      record_id: record.id,
      resource_type: record.resource_type,
      resource_id: record.resource_id ?? "no resource",
      quantity: record.quantity,
      amount: record.amount,
    },
  });
}

async function* written(db: Database, facts: ProofFacts, spans: readonly Span[]): AsyncGenerator<string> {
  const run = { ...facts.run, rows: spans.reduce((sum, span) => sum + span.own, 0) };
  const where = { runId: run.id, hostId: run.host_id };
  yield `${JSON.stringify({ ...facts, run }).slice(0, -1)},"segments":[`;
  for (let at = 0; at < spans.length; at += SEGMENTS_PER_PAGE) {
    const segments = await segmentsOf(db, where, spans.slice(at, at + SEGMENTS_PER_PAGE));
    yield segments.map((segment, index) => (at + index > 0 ? "," : "") + JSON.stringify(segment)).join("\n");
  }
  yield "]}\n";
}
