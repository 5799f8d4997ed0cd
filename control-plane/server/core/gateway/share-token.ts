/** The token of a share, as it stands in an address: taken out of it before anybody else reads the address. */

const SHARE_PARAMETER = "remotegpu_share";

/** What was pasted from elsewhere may have the parameter twice; the last one counts, and none stays. */
export function takeShareToken(path: string): { token: string | null; path: string } {
  const at = path.indexOf("?");
  if (at < 0 || !path.includes(`${SHARE_PARAMETER}=`, at)) return { token: null, path };
  const parts = path.slice(at + 1).split("&");
  const isToken = (part: string) => part.startsWith(`${SHARE_PARAMETER}=`);
  const token = parts.findLast(isToken)?.slice(SHARE_PARAMETER.length + 1);
  const stored = parts.filter((part) => !isToken(part));
  const rest = stored.length === 0 ? "" : `?${stored.join("&")}`;
  return { token: token ?? null, path: path.slice(0, at) + rest };
}

export function shareUrl(origin: string, token: string): string {
  return `${origin}/?${SHARE_PARAMETER}=${token}`;
}
