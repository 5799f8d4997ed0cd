/** Which CVEs a package's changelog mentions, from its latest entry on. */
import { MAX_MENTIONED_CVES } from "@remotegpu/shared/messages/host-versions";

/** Each once, in the order of the text; the first ones of many. Changelogs begin with the latest entry. */
export function mentionedCves(changelog: string): string[] {
  const found = new Set<string>();
  for (const [, id = ""] of changelog.matchAll(/\bCVE-(\d{4}-\d{4,7})\b/gi)) {
    found.add(`CVE-${id}`);
    if (found.size === MAX_MENTIONED_CVES) break;
  }
  return [...found];
}
