/** Which bundle this process runs from: install.sh puts each in a folder that is named by its version. */
import { lstatSync, readlinkSync } from "node:fs";
import { basename, dirname, join } from "node:path";

const BUNDLE_FOLDER = /^\d+\.\d+\.\d+-[0-9a-f]{12}$/;

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
  if (own === null) return null;
  const link = join(dirname(codeFolder), "committed");
  const isThere = lstatSync(link, { throwIfNoEntry: false })?.isSymbolicLink() === true;
  return (isThere ? bundleOf(readlinkSync(link)) : null) ?? own;
}
