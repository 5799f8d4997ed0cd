/** What seals the passwords of registries for their stay in the database; how is link's. */

/** What of its row a password belongs to. */
export interface SealedRow {
  id: string;
  customerId: number;
  workspaceId: number | null;
  registry: string;
  username: string;
}

export interface PasswordSeal {
  /** Names the key that seals now, and says nothing of it. */
  readonly sealedBy: string;
  /** The names of those that open. While keys are rotated there is an old one beside it. */
  readonly opensKeys: readonly string[];
  seal(password: string, row: SealedRow): Uint8Array;
  /** Null where it was sealed by another fleet, or anything of it or its row is not what it was. */
  open(sealed: Uint8Array, row: SealedRow): string | null;
}
