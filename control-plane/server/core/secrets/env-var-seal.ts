/**
 * Values of environment variables as they are stored: names stay readable, so that they can be found, and each value is
 * sealed by a key that the database does not have. How they are sealed is link's.
 */

/** What opens is the key of this name; the text is base64 of nonce, tag and cipher text. */
export interface SealedValue {
  readonly key: string;
  readonly sealed: string;
}

/** By name. Plain texts are of an earlier version, or were put there by hand, until they are sealed. */
export type StoredEnvVars = Readonly<Record<string, string | SealedValue>>;

/** Whose they are: a sealed value that is moved to what another customer ordered opens no more. */
export interface EnvVarOwner {
  readonly customerId: number;
}

export interface EnvVarSeal {
  /** Names the key that seals now, and says nothing of it. */
  readonly sealedBy: string;
  /** Every one anew, whatever was sealed before. */
  seal(vars: Readonly<Record<string, string>>, owner: EnvVarOwner): Record<string, SealedValue>;
  /** Null where one of them was sealed by a key that is not there, or for somebody else. */
  open(vars: StoredEnvVars, owner: EnvVarOwner): Record<string, string> | null;
}

/** What stands in place of a value for whoever may not read it; no order takes it for a value. */
export interface HiddenValue {
  sealed: true;
}

export function hiddenValues(vars: StoredEnvVars): Record<string, HiddenValue> {
  return Object.fromEntries(Object.keys(vars).map((name) => [name, { sealed: true }]));
}

/** False where one of them is plain. */
export function isSealed(vars: StoredEnvVars): boolean {
  return Object.values(vars).every((value) => typeof value !== "string");
}
