/** Seals values of environment variables for their stay in the database, each bound to its name and its customer. */
import type { EnvVarOwner, EnvVarSeal, SealedValue } from "../../core/secrets/env-var-seal.ts";
import {
  type KeyHolder,
  openText,
  type SealingKey,
  sealingKeysOf,
  sealText,
} from "../servers/sealing-keys.ts";

export function envVarSeal(operator: KeyHolder): EnvVarSeal {
  const keysNow = sealingKeysOf(operator);
  return {
    get sealedBy() {
      return keysNow().sealsWith.name;
    },
    seal(vars, owner) {
      const { sealsWith } = keysNow();
      const sealed = (name: string, value: string): SealedValue => ({
        key: sealsWith.name,
        sealed: sealText(value, sealsWith, boundTo(name, owner)).toString("base64"),
      });
      return Object.fromEntries(Object.entries(vars).map(([name, value]) => [name, sealed(name, value)]));
    },
    open(vars, owner) {
      const { keys } = keysNow();
      const opened: [string, string][] = [];
      for (const [name, value] of Object.entries(vars)) {
        const text = typeof value === "string" ? value : openValue(value, keys, boundTo(name, owner));
        if (text === null) return null;
        opened.push([name, text]);
      }
      return Object.fromEntries(opened);
    },
  };
}

function openValue(
  { key: named, sealed }: SealedValue,
  keys: readonly SealingKey[],
  bound: Buffer,
): string | null {
  const key = keys.find(({ name }) => name === named);
  return key === undefined ? null : openText(Buffer.from(sealed, "base64"), key, bound);
}

function boundTo(name: string, { customerId }: EnvVarOwner): Buffer {
  return Buffer.from(JSON.stringify(["env var", customerId, name]));
}
