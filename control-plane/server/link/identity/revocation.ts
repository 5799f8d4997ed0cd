/**
 * Makes NATS agree with the list of revoked host keys. The whole list is pushed every time with the account it
 * belongs to, so that a lost push or a wiped server is mended by the next one; the server then closes the
 * connections of revoked keys at once and refuses their return.
 */
import { Empty } from "nats";
import { z } from "zod";
import { CREDENTIAL_HOURS } from "@remotegpu/shared/messages/joining";
import { MS_PER_HOUR } from "@remotegpu/shared/values/units";
import { connectSystem, type NatsAddress } from "../servers/connection.ts";
import { controlPlaneAccountJwt, hostsAccountJwt, type Revocation } from "../servers/account-claims.ts";
import type { Operator } from "../servers/operator.ts";

const ANSWER_WITHIN_MS = 5_000;

/** Credentials issued before a revocation have run out by then, with an hour for clocks that differ. */
const REVOCATION_MATTERS_MS = (CREDENTIAL_HOURS + 1) * MS_PER_HOUR;

const ClaimsAnswer = z.object({
  data: z.object({ code: z.int(), message: z.string().optional() }).optional(),
  error: z.object({ description: z.string().optional() }).optional(),
});

class AccountPushError extends Error {
  override name = "AccountPushError";
}

/**
 * Pushes both accounts as they should be. Called at start, after each revocation, when NATS came back, and by a
 * slow poll; `revoked` is the whole list.
 * @throws AccountPushError or NatsUnreachableError; the caller tries again
 */
export async function pushAccounts(
  operator: Operator,
  address: NatsAddress,
  { revoked, now }: { revoked: readonly Revocation[]; now: Date },
): Promise<void> {
  const oldest = now.getTime() - REVOCATION_MATTERS_MS;
  const current = revoked.filter(({ revokedAt }) => revokedAt.getTime() >= oldest);
  const system = await connectSystem(operator, address);
  try {
    for (const jwt of [await controlPlaneAccountJwt(operator), await hostsAccountJwt(operator, current)]) {
      const answer = await system.request("$SYS.REQ.CLAIMS.UPDATE", new TextEncoder().encode(jwt), {
        timeout: ANSWER_WITHIN_MS,
      });
      const { data, error } = ClaimsAnswer.parse(answer.data === Empty ? {} : answer.json());
      if (data?.code !== 200) {
        throw new AccountPushError(
          `NATS refused an account: ${error?.description ?? data?.message ?? "no reason"}`,
        );
      }
    }
  } catch (cause) {
    if (cause instanceof AccountPushError) throw cause;
    throw new AccountPushError("NATS did not take the accounts", { cause });
  } finally {
    await system.close();
  }
}
