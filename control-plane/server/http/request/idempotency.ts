/**
 * `Idempotency-Key` on POST: for 24 hours the same key, route and body get the first answer again, another body
 * is refused, and while the first request runs a second one is told so. Each route is of one of two forms:
 *
 * - What is only in the database is carried out by `once`: the work and its answer are one transaction, so a request
 *   that dies anywhere leaves all of it, answer included, or nothing, and the same key does it or tells it.
 * - What reaches beyond (`beyondDatabase`) is claimed before it begins. A claim whose request died ends after the
 *   longest that the request may take, and the same key does it again.
 *
 * Only answers that did something (2xx) are kept: a refused request left nothing behind, so asking again is safe
 * and may now succeed. Where something may have been done beyond the database, whatever the answer was, the claim stays
 * until its end (`mayBeDone`).
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { createMiddleware } from "hono/factory";
import { HTTPException } from "hono/http-exception";
import { type Isolation, isUndone, type Transaction, transaction } from "../../store/database/database.ts";
import { confirmEarlier } from "../../store/database/standby.ts";
import type { KeyedOrder } from "../../store/orders/order-queue.ts";
import {
  claimKey,
  finishKey,
  holdKeys,
  keepAnswers,
  KEY_FREE_WITHIN_MS,
  type KeyedRequest,
  KeyInUseError,
  type Recalled,
  recallKey,
  releaseKey,
  type SealedAnswer,
} from "../../store/orders/idempotency.ts";
import type { ApiContext, ApiEnv } from "../deps.ts";
import { ApiRefusal, badField, conflict } from "./refusal.ts";
import { bodyHashOf, openAnswer, sealAnswer } from "./sealed-answers.ts";

const KEY_PATTERN = /^[\x21-\x7e]{1,200}$/;

/** For routes whose handlers carry out what they do by `once`, or hand it to the order desk by `keyedOrder`. */
export const replayAnswered = createMiddleware<ApiEnv>(async (c, next) => {
  if (c.req.method !== "POST") return await next();
  const request = await keyedRequestOf(c);
  if (request !== null) {
    const replay = await replayOrRefuse(c, await recallKey(c.var.deps.db, request));
    if (replay !== null) return replay;
    c.set("keyedRequest", request);
  }
  await next();
  assert(!c.res.ok || c.var.isCarriedOut === true, `${c.req.path} was not carried out once`);
  if (request !== null && isRefusal(c.res.status)) await replayAnsweredMeanwhile(c, request);
  return undefined;
});

/** What was answered between the look at the key and the hold of it is refused, as done or as under way: it is told. */
async function replayAnsweredMeanwhile(c: ApiContext, request: KeyedRequest): Promise<void> {
  const known = await recallKey(c.var.deps.db, request);
  if (known.outcome !== "done") return;
  // What the refusal's headers say is not said of the answer.
  c.res = undefined;
  c.res = await replayed(c, known);
}

function isRefusal(status: number): boolean {
  return status >= 400 && status < 500;
}

/** For routes that reach beyond the database, each with the longest that it may take. */
export const claimBefore = (boundSeconds: number) =>
  createMiddleware<ApiEnv>(async (c, next) => {
    const request = await keyedRequestOf(c);
    if (request === null) return await next();
    const { db } = c.var.deps;
    const replay = await replayOrRefuse(c, await claimKey(db, request, { boundSeconds }));
    if (replay !== null) return replay;
    await next();
    if (c.res.ok)
      await finishKey(db, request, {
        status: c.res.status,
        sealedBody: sealAnswer(c, await c.res.clone().text()),
      });
    else if (c.var.mayBeDone !== true && didNothing(c.error)) await releaseKey(db, request);
    return undefined;
  });

/**
 * To be said before something is sent or committed that a later failure does not take back, and again, with false, once
 * it is sure that nothing was done or that it was taken back.
 */
export function mayBeDone(c: ApiContext, isSo: boolean): void {
  c.set("mayBeDone", isSo);
}

/**
 * Runs `work`, which answers what the client gets, in one transaction that keeps the answer, too. What it gives to
 * `afterwards` is done when it is committed. It may run again where it lost against another.
 */
export async function once<Answer extends Response>(
  c: ApiContext,
  work: (sql: Transaction, afterwards: (report: () => void) => void) => Promise<Answer>,
  { isolation }: { isolation?: Isolation } = {},
): Promise<Answer> {
  const { deps, keyedRequest } = c.var;
  let notices: (() => void)[] = [];
  const answer = await transaction(
    deps.db,
    async (sql) => {
      notices = [];
      if (keyedRequest !== undefined) await holdKey(sql, keyedRequest);
      const made = await work(sql, (report) => void notices.push(report));
      assert(made.ok, "a refusal is thrown, so that nothing is left of the request");
      if (keyedRequest !== undefined) {
        const sealedBody = sealAnswer(c, await made.clone().text());
        await keepAnswers(sql, [{ ...keyedRequest, status: made.status, sealedBody }]);
      }
      return made;
    },
    { ...(isolation !== undefined && { isolation }), endsDeadWithinMs: KEY_FREE_WITHIN_MS },
  );
  c.set("isCarriedOut", true);
  for (const report of notices) report();
  return answer;
}

async function holdKey(sql: Transaction, request: KeyedRequest): Promise<void> {
  const [isHeld] = await holdKeys(sql, [request]);
  if (isHeld !== true) throw new KeyInUseError("another request with this key is in progress");
}

/** For what others write down together with their own: the request's key, and the answer to what was made. */
export function keyedOrder<Made>(
  c: ApiContext,
  answer: (made: Made) => { status: number; body: object },
): KeyedOrder<Made> | null {
  c.set("isCarriedOut", true);
  const { keyedRequest: request } = c.var;
  if (request === undefined) return null;
  return {
    request,
    answer(made) {
      const { status, body } = answer(made);
      return { status, sealedBody: sealAnswer(c, JSON.stringify(body)) };
    },
  };
}

/** Null without a key. */
async function keyedRequestOf(c: ApiContext): Promise<KeyedRequest | null> {
  const key = c.req.header("Idempotency-Key");
  if (key === undefined) return null;
  if (!KEY_PATTERN.test(key)) throw badField("Idempotency-Key", "idempotency-key-malformed");
  const { deps, actor } = c.var;
  const slot = { apiKeyId: actor.apiKeyId, route: routeOf(c), key };
  return { slot, bodyHash: await bodyHashOf(c), now: deps.now() };
}

/** Null where the request is the first of its key. */
async function replayOrRefuse(c: ApiContext, known: Recalled): Promise<Response | null> {
  switch (known.outcome) {
    case "other-body":
      throw badField("Idempotency-Key", "idempotency-key-of-another-body");
    case "in-progress":
      throw conflict("first-request-in-progress");
    case "done":
      return await replayed(c, known);
    case "new":
      return null;
  }
}

/** The standby may not have confirmed it at the first time: then nobody was told that it is done. */
async function replayed(c: ApiContext, { status, sealedBody }: SealedAnswer): Promise<Response> {
  await confirmEarlier(c.var.deps.db);
  const body = openAnswer(c, sealedBody);
  const headers = { "Content-Type": "application/json", "Idempotency-Replayed": "true" };
  return new Response(body === "" ? null : body, { status, headers });
}

/** A refusal of ours, thrown or answered, or a failure of which the database itself says that nothing came. */
function didNothing(error: Error | undefined): boolean {
  if (error === undefined || error instanceof ApiRefusal) return true;
  return (error instanceof HTTPException && error.status < 500) || isUndone(error);
}

/** The concrete path, so that the same key on two environments means two things; hashed where it is too long. */
function routeOf(c: ApiContext): string {
  const { pathname, search } = new URL(c.req.url);
  const route = pathname + search;
  return route.length <= 120 ? route : createHash("sha256").update(route).digest("hex");
}
