/** The first way in: `remotegpu-control-plane admin-key` on the server makes an administrator and a key for it. */
import { ALL_SCOPES } from "../../core/accounts/key-scopes.ts";
import { insertApiKey } from "../../store/accounts/api-keys.ts";
import { customerByUsername, insertCustomer } from "../../store/accounts/customers.ts";
import { transaction } from "../../store/database/transaction.ts";
import type { Database } from "../../store/database/database.ts";
import { makeApiKey } from "../request/authentication.ts";

const USERNAME = "admin";
const EMAIL = "admin@localhost.invalid";

export class NotAnAdminError extends Error {
  override readonly name = "NotAnAdminError";
}

/**
 * A fresh key of the account "admin", which is made if it is missing. Each call makes one more key.
 * @throws NotAnAdminError when a customer goes by that name
 */
export async function createFirstAdminKey(
  db: Database,
  now: Date,
): Promise<{ key: string; customerId: number }> {
  const { key, prefix, keyHash } = makeApiKey();
  const customerId = await transaction(db, async (sql) => {
    const made = await insertCustomer(sql, {
      username: USERNAME,
      email: EMAIL,
      displayName: "Administrator",
      userType: "admin",
    });
    const known = await customerByUsername(sql, USERNAME);
    if (known === null || known.user_type !== "admin")
      throw new NotAnAdminError(
        made.made ? "the account admin vanished" : `the account "${USERNAME}" exists and is no administrator`,
      );
    await insertApiKey(sql, {
      customerId: known.id,
      name: "made on the server",
      prefix,
      keyHash,
      rights: ALL_SCOPES,
      expiresAt: null,
      now,
    });
    return known.id;
  });
  return { key, customerId };
}
