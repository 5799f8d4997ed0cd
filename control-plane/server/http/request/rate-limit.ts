/**
 * Refuses whoever asks too often, by its API key and by its network address. What is left to whom is kept in this process
 * only: with several API replicas a caller may get as many times the rate, which is fine for what this is for, a caller in
 * a loop.
 */
import { createMiddleware } from "hono/factory";
import { clientAddress, connectionAddress } from "../../core/accounts/client-address.ts";
import type { ApiContext, ApiEnv } from "../deps.ts";
import { ApiRefusal } from "./refusal.ts";
import type { Reason } from "../../core/reasons/reason.ts";

/** Before authentication, so that guessing keys is limited too. */
export const limitAddress = createMiddleware<ApiEnv>(async (c, next) => {
  const { deps, limiters } = c.var;
  refuseBeyond(
    limiters.addresses.take(remoteAddress(c), deps.now().getTime()),
    "requests-of-address-too-many",
  );
  await next();
});

export const limitKey = createMiddleware<ApiEnv>(async (c, next) => {
  const { deps, actor, limiters } = c.var;
  refuseBeyond(limiters.keys.take(String(actor.apiKeyId), deps.now().getTime()), "requests-of-key-too-many");
  await next();
});

type RateLimitCode = "requests-of-address-too-many" | "requests-of-key-too-many";

function refuseBeyond(waitSeconds: number, code: RateLimitCode): void {
  if (waitSeconds === 0) return;
  const reason: Reason = { code, params: { retry_seconds: waitSeconds } };
  throw new ApiRefusal("too-many-requests", reason, { retryAfterSeconds: waitSeconds });
}

/**
 * From where somebody asks; "local" for requests made inside the process. With a public address of TLS, what comes from
 * this machine comes from the proxy there, which names its client: else all who come by it would share one limit.
 */
export function remoteAddress(c: ApiContext): string {
  const isBehindProxy = c.var.deps.config.publicUrl.startsWith("https:");
  return clientAddress({
    peer: peerAddress(c),
    forwardedFor: c.req.header("X-Forwarded-For"),
    isBehindProxy,
  });
}

/** From where a host's own request came; null where that is not known. */
export function hostConnectionAddress(c: ApiContext, trustedProxies: readonly string[]): string | null {
  return connectionAddress({
    peer: peerAddress(c),
    forwardedFor: c.req.header("X-Forwarded-For"),
    isForwarded: c.req.header("Forwarded") !== undefined || c.req.header("Via") !== undefined,
    isBehindProxy: c.var.deps.config.publicUrl.startsWith("https:"),
    trustedProxies,
  });
}

/** As the server adapter gives it. */
export function peerAddress(c: ApiContext): string {
  const bindings: unknown = c.env;
  if (typeof bindings !== "object" || bindings === null || !("incoming" in bindings)) return "local";
  const incoming = bindings.incoming as { socket?: { remoteAddress?: string } };
  return incoming.socket?.remoteAddress ?? "unknown";
}
