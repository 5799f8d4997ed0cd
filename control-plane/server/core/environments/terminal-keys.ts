/**
 * The keys by which gateways enter environments for the terminal in the browser: each placement of each environment has
 * its own. How they are made is link's (identity/environment-terminal-keys.ts); what opens them is known to gateways alone.
 */
import type { KeySet } from "@remotegpu/shared/instance/ssh-access";

export interface TerminalPlace {
  environmentId: string;
  placementEpoch: number;
}

export interface TerminalKeys {
  /** As the host is told it: a set of one key. */
  keySetOf(place: TerminalPlace): KeySet;
}

/** As no key of a person, and no ticket, is numbered. */
export const TERMINAL_KEY_ID = Number.MAX_SAFE_INTEGER;
const PREFIX = "w-";

/** @param digest of the public key, in hex; a set's id has no room for every environment's */
export function terminalSetId(digest: string): string {
  return `${PREFIX}${digest.slice(0, 40)}`;
}

/** Whether a host lets a gateway in by it, and no person. */
export function isTerminalSet(setId: string): boolean {
  return setId.startsWith(PREFIX);
}
