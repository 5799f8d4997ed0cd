/**
 * Seals passwords of registries for their stay in the database. Each password is bound to the row that it stands in, so
 * that one that is moved to another row, or a row that is changed by hand, opens no more.
 */
import type { PasswordSeal, SealedRow } from "../../core/hosts/images/password-seal.ts";
import { type KeyHolder, openText, sealingKeysOf, sealText } from "../servers/sealing-keys.ts";

export function passwordSeal(operator: KeyHolder): PasswordSeal {
  const keysNow = sealingKeysOf(operator);
  return {
    get sealedBy() {
      return keysNow().sealsWith.name;
    },
    get opensKeys() {
      return keysNow().keys.map(({ name }) => name);
    },
    seal: (password, row) => sealText(password, keysNow().sealsWith, rowBytes(row)),
    open(sealed, row) {
      for (const key of keysNow().keys) {
        const password = openText(sealed, key, rowBytes(row));
        if (password !== null) return password;
      }
      return null;
    },
  };
}

function rowBytes({ id, customerId, workspaceId, registry, username }: SealedRow): Buffer {
  return Buffer.from(JSON.stringify([id, customerId, workspaceId, registry, username]));
}
