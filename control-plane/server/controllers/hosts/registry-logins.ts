/**
 * Hands a registry's credential to the host that fetches from it: only for an order that this host has, only the one
 * that the order's terms name, and told in the log each time, without the password.
 */
import type { HostId } from "@remotegpu/shared/values/ids";
import type { RegistryLoginQuestion, RegistryLoginReply } from "@remotegpu/shared/instance/image-fetch";
import type { Log } from "@remotegpu/shared/log";
import type { PasswordSeal } from "../../core/hosts/images/password-seal.ts";
import type { Connection, Database } from "../../store/database/database.ts";
import { transaction } from "../../store/database/transaction.ts";
import { imageTermsOf } from "../../store/hosts/images/image-terms.ts";
import {
  type RegistryCredential,
  credentialById,
  markUnusable,
} from "../../store/hosts/images/registry-credentials.ts";
import { useOfLogin } from "../../store/workloads/registry-logins.ts";

export interface RegistryLoginDeps {
  db: Database;
  passwords: PasswordSeal;
  log: Log;
}

export async function answerLogin(
  { db, passwords, log }: RegistryLoginDeps,
  host: HostId,
  question: RegistryLoginQuestion,
): Promise<RegistryLoginReply> {
  const row = await transaction(db, async (sql) => await credentialFor(sql, host, { question, passwords }), {
    // The order, its terms and the credential must be of one moment.
    isolation: "repeatable read",
  });
  if (row === null) return { kind: "registry-login-none" };
  const { id: credential, registry, username } = row;
  const reported = { host, credential, registry, image: question.image, ...question.for };
  const password = passwords.open(row.sealedPassword, row);
  if (password === null) {
    log.error(reported, "a registry's password cannot be opened: its row is not what it was");
    // From now on no order's terms name it, or hosts would ask for it again and again.
    await markUnusable(db, credential);
    return { kind: "registry-login-none" };
  }
  log.info(reported, "a host gets a registry's credential");
  return { kind: "registry-login", credential, username, password };
}

async function credentialFor(
  sql: Connection,
  host: HostId,
  { question, passwords }: { question: RegistryLoginQuestion; passwords: PasswordSeal },
): Promise<RegistryCredential | null> {
  const use = await useOfLogin(sql, host, question);
  if (use === null) return null;
  const [terms] = await imageTermsOf(sql, [use], passwords);
  return terms?.credential == null ? null : await credentialById(sql, terms.credential);
}
