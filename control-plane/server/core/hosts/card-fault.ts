/**
 * What a host holds against one of its cards, and the sentence that says so to whoever has something on it. A card with a
 * sign of failure is closed at once; whether it failed is known with its next reading.
 */

export interface CardFault {
  uuid: string;
  /** The stable name of the reason: "requires-reset"; null where its host told none. */
  code: string | null;
  /** The host's sentence; null where it told none. */
  reason: string | null;
  /** A sign of failure is open. */
  isSign: boolean;
  /** What held it has been ended. */
  isFatal: boolean;
}

export function faultSentence(fault: CardFault): string {
  const why = faultText(fault);
  if (fault.isFatal) return `${fault.uuid} failed: ${why}.`;
  return fault.isSign
    ? `${fault.uuid} shows a sign of failure: ${why}. If the next reading confirms it, nothing after its last good reading is charged.`
    : `${fault.uuid} takes nothing new: ${why}. What runs on it goes on.`;
}

/** The reason of an instance that ended by itself on such a card. */
export function endSentence(fault: CardFault): string {
  const what = fault.isFatal ? "had failed" : "showed a sign of failure";
  return `Its ${fault.uuid} ${what} as it ended: ${faultText(fault)}. Nothing after the card's last good reading is charged.`;
}

/** In plain words with the code behind: "It needs a reset (requires-reset)". */
export function faultText({ reason, code }: Pick<CardFault, "reason" | "code">): string {
  const words = (reason ?? "").replace(/\.$/, "") || "its host gives no reason";
  return code === null || words.includes(`(${code})`) ? words : `${words} (${code})`;
}

/** How grave a fault is: only one that is graver than what was known is told of again, or one of another kind. */
export function isNewFault(known: CardFault | null, reported: CardFault | null): reported is CardFault {
  if (reported === null) return false;
  return known === null || isGraver(reported, known) || reported.code !== known.code;
}

const GRAVITIES = ["drain", "sign", "fatal"] as const;

export function gravityOf({ isFatal, isSign }: CardFault): (typeof GRAVITIES)[number] {
  return isFatal ? "fatal" : isSign ? "sign" : "drain";
}

function isGraver(one: CardFault, other: CardFault): boolean {
  return GRAVITIES.indexOf(gravityOf(one)) > GRAVITIES.indexOf(gravityOf(other));
}
