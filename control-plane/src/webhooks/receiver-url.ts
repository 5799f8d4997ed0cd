/** What a webhook's URL may be, as far as the text tells. Where its name leads is looked at with every message. */
import { isIP } from "node:net";
import { isLoopbackAddress, isPublicAddress } from "@remotegpu/shared/public-address";

export const MAX_URL_LENGTH = 2_000;

export type ReceiverUrl =
  | { valid: true; url: URL; /** Without the brackets of IPv6. */ host: string }
  | { valid: false; why: string };

/** `allowLoopback`: also this server itself, by plain HTTP too. */
export function receiverUrl(text: string, { allowLoopback }: { allowLoopback: boolean }): ReceiverUrl {
  if (text.length > MAX_URL_LENGTH || !URL.canParse(text)) return refused("must be an https:// URL");
  const url = new URL(text);
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const isHere = host === "localhost" || isLoopbackAddress(host);
  if (url.username !== "" || url.password !== "") return refused("must not hold a user or password");
  if (url.hash !== "") return refused("must not have a part after #, which is never sent");
  if (isHere && allowLoopback && /^https?:$/.test(url.protocol)) return { valid: true, url, host };
  if (url.protocol !== "https:") return refused("must be an https:// URL");
  if (isHere || (isIP(host) !== 0 && !isPublicAddress(host)))
    return refused("must not lead to an address that is not public");
  return { valid: true, url, host };
}

function refused(why: string): ReceiverUrl {
  return { valid: false, why };
}
