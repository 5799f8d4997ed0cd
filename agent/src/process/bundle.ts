/** Which bundle this process runs from: install.sh puts each in a folder that is named by its version. */
import { basename } from "node:path";

const BUNDLE_FOLDER = /^\d+\.\d+\.\d+-[0-9a-f]{12}$/;

/** Null outside of a bundle, as in a checkout. */
export function bundleOf(codeFolder: string): string | null {
  const name = basename(codeFolder);
  return BUNDLE_FOLDER.test(name) ? name : null;
}
