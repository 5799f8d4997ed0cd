/**
 * What the gateway's own cookie says, without what seals it: who came in, for which origin, and until when. And how that
 * cookie, alone among those of the page, is read and taken out. Knows no key.
 */
import type { Entry } from "./entry.ts";

export interface EntryClaim {
  entry: Entry;
  expiresAt: Date;
}

/** A name with __Host- is refused by browsers for anything but this one host, over TLS. */
export const cookieName = (scheme: "http" | "https") =>
  scheme === "https" ? "__Host-remotegpu" : "remotegpu";
/** That of the dashboard, too (core/accounts/session-cookie.ts): cookies know no ports, so a browser may send it here. */
const OUR_NAMES = /^(__host-)?remotegpu(_session)?$/i;

const VALUE = /^([ks]\.\d{1,15}(?:\.\d{1,15})?\.\d{1,13})\.([A-Za-z0-9_-]{43})$/;

/** What is to be sealed, and the seal that came with it. */
export function readCookieValue(value: string): { text: string; claim: EntryClaim; seal: string } | null {
  const [, text, seal] = VALUE.exec(value) ?? [];
  const claim = text === undefined ? null : claimOf(text);
  return claim === null || text === undefined || seal === undefined ? null : { text, claim, seal };
}

export function claimText({ entry, expiresAt }: EntryClaim): string {
  const until = Math.floor(expiresAt.getTime() / 1000);
  switch (entry.kind) {
    case "person":
      return `k.${entry.customerId}.${entry.keyId}.${until}`;
    case "share":
      return `s.${entry.shareId}.${until}`;
  }
}

function claimOf(text: string): EntryClaim | null {
  const [kind, ...numbers] = text.split(".");
  const [first = 0, second = 0, third = 0] = numbers.map(Number);
  if (kind === "k" && numbers.length === 3)
    return {
      entry: { kind: "person", customerId: first, keyId: second },
      expiresAt: new Date(third * 1000),
    };
  if (kind === "s" && numbers.length === 2)
    return { entry: { kind: "share", shareId: first }, expiresAt: new Date(second * 1000) };
  return null;
}

/** The page's own cookies; null where none is left. */
export function withoutOwnCookie(header: string): string | null {
  const stored = header
    .split(";")
    .map((pair) => pair.trim())
    .filter((pair) => pair !== "" && !OUR_NAMES.test((pair.split("=", 1)[0] ?? "").trim()));
  return stored.length === 0 ? null : stored.join("; ");
}

/**
 * A cookie that a container sets, for its own origin alone: a domain would hand it to other customers' pages. Null where it
 * would take the place of ours.
 */
export function ofOwnOrigin(setCookie: string): string | null {
  const [pair = "", ...attributes] = setCookie.split(";");
  // One without a name is sent back as its value alone, which reads as a name again.
  const named = pair.replace(/^[\s=]+/, "");
  if (OUR_NAMES.test((named.split("=", 1)[0] ?? "").trim())) return null;
  return [pair, ...attributes.filter((attribute) => !/^\s*domain\s*(=|$)/i.test(attribute))].join(";");
}
