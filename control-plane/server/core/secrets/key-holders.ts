/** Which servers an old sealing key may not be taken from yet, as far as they have said which keys they have. Pure. */

export interface KeyHolding {
  readonly server: string;
  readonly sealsWith: string;
  /** Those that open. */
  readonly keyNames: readonly string[];
}

/** A phrase for each server that lacks the key, or seals with another one. */
export function lacking(holdings: readonly KeyHolding[], key: string): string[] {
  return holdings.flatMap(({ server, sealsWith, keyNames }) => {
    if (!keyNames.includes(key)) return [`${server} does not have the key ${key}`];
    return sealsWith === key ? [] : [`${server} seals with the key ${sealsWith} still`];
  });
}
