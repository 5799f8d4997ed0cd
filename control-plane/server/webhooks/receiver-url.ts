/** What a webhook's URL may be, as far as the text tells. Where its name leads is looked at with every message. */
import { isIP } from "node:net";
import { isInnerName } from "@remotegpu/shared/values/inner-name";
import { isLoopbackAddress, isPublicAddress } from "@remotegpu/shared/values/public-address";
import type { PlainCode } from "../core/reasons/reason.ts";

export const MAX_URL_LENGTH = 2_000;

export type ReceiverUrl =
  | {
      valid: true;
      url: URL;
      /** Without the brackets of IPv6 and the dot at the end of a name. */ host: string;
    }
  | { valid: false; why: PlainCode };

/** `allowLoopback`: also this server itself, by plain HTTP too. */
export function receiverUrl(text: string, { allowLoopback }: { allowLoopback: boolean }): ReceiverUrl {
  if (text.length > MAX_URL_LENGTH || !URL.canParse(text)) return refused("url-not-https");
  const url = new URL(text);
  // The dot at the end only says that the name is whole; resolvers take it or leave it.
  const host = url.hostname.replace(/^\[|\]$/g, "").replace(/\.$/, "");
  const isHere = host === "localhost" || isLoopbackAddress(host);
  if (url.username !== "" || url.password !== "") return refused("url-with-user");
  if (url.hash !== "") return refused("url-with-fragment");
  if (isHere && allowLoopback && /^https?:$/.test(url.protocol)) return { valid: true, url, host };
  if (url.protocol !== "https:") return refused("url-not-https");
  // An underscore, which machines do not have in their names, changes nothing of where a name leads.
  const isPublic = isIP(host) === 0 ? !isInnerName(host.replaceAll("_", "x")) : isPublicAddress(host);
  if (isHere || !isPublic) return refused("url-not-public");
  return { valid: true, url, host };
}

function refused(why: PlainCode): ReceiverUrl {
  return { valid: false, why };
}
