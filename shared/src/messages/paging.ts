/**
 * Cuts a list into pages that fit a NATS message. Both directions use it: the desired set on its way down and the
 * observed one on its way up.
 */
import { encode } from "./wire.ts";
import { MAX_PAGE_BYTES } from "./protocol.ts";

/** Room for what stands around the items: ids, digests, the machine and its GPUs. */
const ENVELOPE_BYTES = 64 * 1024;

/** More than any host needs; a desired set that claims more is not believed. */
export const MAX_PAGES = 256;

/** At least one page, in order, nothing left out. An item larger than a page gets one of its own. */
export function pagesOf<T>(items: readonly T[], maxBytes = MAX_PAGE_BYTES - ENVELOPE_BYTES): T[][] {
  const pages: T[][] = [[]];
  let pageBytes = 0;
  for (const item of items) {
    const itemBytes = encode(item).byteLength + 1;
    let page = pages.at(-1);
    if (page === undefined || (page.length > 0 && pageBytes + itemBytes > maxBytes)) {
      page = [];
      pages.push(page);
      pageBytes = 0;
    }
    page.push(item);
    pageBytes += itemBytes;
  }
  return pages;
}
