/** Which bundle this process runs from: install.sh puts each in a folder that is named by its version. */
import { lstatSync, readlinkSync } from "node:fs";
import { basename, dirname, join } from "node:path";

const BUNDLE_FOLDER = /^\d+\.\d+\.\d+-[0-9a-f]{12}$/;
/** Beside the bundles: a link to the one that this host stays with, moved when an upgrade is committed. */
const COMMITTED = "committed";

/** Null outside of a bundle, as in a checkout. */
export function bundleOf(codeFolder: string): string | null {
  const name = basename(codeFolder);
  return BUNDLE_FOLDER.test(name) ? name : null;
}

/**
 * The bundle that this host has committed to, which is another one than this process's while that is on probation. Where
 * nothing was ever committed, as with units that were made by hand, it is the process's own. Null outside of a bundle.
 */
export function committedBundleOf(codeFolder: string): string | null {
  const own = bundleOf(codeFolder);
  return own === null ? null : (linkedBundle(codeFolder) ?? own);
}

/** Whether this host has committed to the code's bundle. False outside of a bundle, and where nothing was ever committed. */
export function isCommitted(codeFolder: string): boolean {
  const own = bundleOf(codeFolder);
  return own !== null && linkedBundle(codeFolder) === own;
}

/** Null where there is no such link. */
function linkedBundle(codeFolder: string): string | null {
  const link = join(dirname(codeFolder), COMMITTED);
  const isThere = lstatSync(link, { throwIfNoEntry: false })?.isSymbolicLink() === true;
  return isThere ? bundleOf(readlinkSync(link)) : null;
}
