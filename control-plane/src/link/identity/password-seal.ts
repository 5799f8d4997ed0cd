/**
 * Seals passwords of registries for their stay in the database. The key follows from the operator's, so every server of
 * the fleet has it and nothing more is kept; each password is bound to the row that it stands in, so that one that is
 * moved to another row, or a row that is changed by hand, opens no more.
 */
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { derivedSecret } from "@remotegpu/shared/derived-key";
import type { PasswordSeal, SealedRow } from "../../core/hosts/images/password-seal.ts";
import type { Operator } from "../servers/operator.ts";

const CIPHER = "aes-256-gcm";
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const NAME_BYTES = 8;

export function passwordSeal(operator: Pick<Operator, "key">): PasswordSeal {
  const key = derivedSecret(operator.key.getSeed(), "remotegpu registry passwords");
  const name = derivedSecret(operator.key.getSeed(), "remotegpu registry passwords: name of the key");
  return {
    sealedBy: name.subarray(0, NAME_BYTES).toString("hex"),
    seal(password, row) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv(CIPHER, key, nonce).setAAD(rowBytes(row));
      const text = Buffer.concat([cipher.update(password, "utf8"), cipher.final()]);
      return Buffer.concat([nonce, cipher.getAuthTag(), text]);
    },
    open(sealed, row) {
      const nonce = sealed.subarray(0, NONCE_BYTES);
      const tag = sealed.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES);
      if (tag.length < TAG_BYTES) return null;
      const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
      decipher.setAAD(rowBytes(row)).setAuthTag(tag);
      const text = decipher.update(sealed.subarray(NONCE_BYTES + TAG_BYTES));
      try {
        return Buffer.concat([text, decipher.final()]).toString("utf8");
      } catch {
        // All that it says is that the tag does not fit.
        return null;
      }
    },
  };
}

function rowBytes({ id, customerId, workspaceId, registry, username }: SealedRow): Buffer {
  return Buffer.from(JSON.stringify([id, customerId, workspaceId, registry, username]));
}
