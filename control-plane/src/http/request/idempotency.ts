/**
 * `Idempotency-Key` on POST: for 24 hours the same key, route and body get the first answer again, another body
 * is refused, and while the first request runs a second one is told so.
 *
 * Only answers that did something (2xx) are kept: a refused request left nothing behind, so asking again is safe
 * and may now succeed. Where the process dies in the middle, or something fails that is no refusal of ours, the outcome
 * is unknown (a commit may have come through although its answer did not) and the key stays taken.
 * Answers can hold secrets that are shown once (keys, tokens), so they are stored sealed with a key that is
 * derived from the caller's own bearer key, which the server does not keep.
 */
import { createCipheriv, createDecipheriv, createHash, createHmac, hkdfSync, randomBytes } from "node:crypto";
import { createMiddleware } from "hono/factory";
import { HTTPException } from "hono/http-exception";
import { isUndone } from "../../store/database.ts";
import { claimKey, finishKey, releaseKey } from "../../store/idempotency.ts";
import type { ApiContext, ApiEnv } from "../deps.ts";
import { ApiRefusal, badField, conflict } from "./refusal.ts";

const KEY_PATTERN = /^[\x21-\x7e]{1,200}$/;

export const replayIdempotent = createMiddleware<ApiEnv>(async (c, next) => {
  const key = c.req.header("Idempotency-Key");
  if (key === undefined || c.req.method !== "POST") return await next();
  if (!KEY_PATTERN.test(key)) throw badField("Idempotency-Key", "must be 1 to 200 visible ASCII characters");

  const { deps, actor } = c.var;
  const slot = { apiKeyId: actor.apiKeyId, route: routeOf(c), key };
  const claim = await claimKey(deps.db, slot, {
    // Under the caller's own key: a body may hold a password, which a plain hash would let others guess at.
    bodyHash: createHmac("sha256", sealingKey(c))
      .update(await c.req.text())
      .digest("hex"),
    now: deps.now(),
  });

  switch (claim.outcome) {
    case "other-body":
      throw badField("Idempotency-Key", "was used with another body in the last 24 hours");
    case "in-progress":
      throw conflict(
        "The first request with this Idempotency-Key has not been answered. If it never was, look at what it did and use a new key.",
      );
    case "done":
      return replay(c, claim.status, claim.sealedBody);
    case "claimed":
      await next();
      if (c.res.ok) await finishKey(deps.db, slot, { status: c.res.status, sealedBody: await seal(c) });
      else if (didNothing(c.error)) await releaseKey(deps.db, slot);
      return undefined;
  }
});

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

function replay(c: ApiContext, status: number, sealedBody: string): Response {
  const body = unseal(c, sealedBody);
  const headers = { "Content-Type": "application/json", "Idempotency-Replayed": "true" };
  return new Response(body === "" ? null : body, { status, headers });
}

const SEAL = "aes-256-gcm";
const IV_BYTES = 12;
const TAG_BYTES = 16;

async function seal(c: ApiContext): Promise<string> {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv(SEAL, sealingKey(c), iv);
  const body = Buffer.concat([cipher.update(await c.res.clone().text(), "utf8"), cipher.final()]);
  return Buffer.concat([iv, cipher.getAuthTag(), body]).toString("base64");
}

function unseal(c: ApiContext, sealed: string): string {
  const bytes = Buffer.from(sealed, "base64");
  const decipher = createDecipheriv(SEAL, sealingKey(c), bytes.subarray(0, IV_BYTES));
  decipher.setAuthTag(bytes.subarray(IV_BYTES, IV_BYTES + TAG_BYTES));
  const body = bytes.subarray(IV_BYTES + TAG_BYTES);
  return Buffer.concat([decipher.update(body), decipher.final()]).toString("utf8");
}

function sealingKey(c: ApiContext): Buffer {
  const bearer = c.req.header("Authorization") ?? "";
  return Buffer.from(hkdfSync("sha256", bearer.replace(/^Bearer +/i, ""), "", "idempotency", 32));
}
