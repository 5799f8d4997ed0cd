/** Which bundle this process runs from: install.sh puts each in a folder that is named by its version. */
import { readlinkSync } from "node:fs";
import { basename, dirname, join } from "node:path";

const BUNDLE_FOLDER = /^\d+\.\d+\.\d+-[0-9a-f]{12}$/;
/** Beside the bundles: a link to the one that this host stays with, moved when an upgrade is committed. */
const COMMITTED = "committed";

/** Null outside of a bundle, as in a checkout. */
export function bundleOf(codeFolder: string): string | null {
  const name = basename(codeFolder);
  return BUNDLE_FOLDER.test(name) ? name : null;
}

/** Whether the code's bundle is the one that this host stays with. False outside of a bundle, and while it is on probation. */
export function isCommitted(codeFolder: string): boolean {
  const bundle = bundleOf(codeFolder);
  return bundle !== null && linkedBundle(join(dirname(codeFolder), COMMITTED)) === bundle;
}

/** Null where there is no such link. */
function linkedBundle(link: string): string | null {
  try {
    return basename(readlinkSync(link));
  } catch (error) {
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "EINVAL"))
      return null;
    throw error;
  }
}
