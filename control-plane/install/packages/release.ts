/** Which release the packages are of: the version of the sources, and the commit with its time. */
import { execa } from "execa";
import { VERSION } from "../../server/release/version.ts";

export interface Release {
  /** As the programs print it, and as the agent's folders begin. */
  release: string;
  /** As dpkg compares it: later commits of one release are newer. */
  version: string;
  /** SOURCE_DATE_EPOCH: no file of a package is younger. */
  epochSeconds: number;
}

/** @throws Error outside of a clone */
export async function releaseOf(repository: string, release: string = VERSION): Promise<Release> {
  const git = async (...words: string[]) =>
    (await execa("git", words, { cwd: repository, env: { TZ: "UTC" } })).stdout.trim();
  const epochSeconds = Number(await git("show", "--no-patch", "--format=%ct", "HEAD"));
  const time = await git("show", "--no-patch", "--date=format-local:%Y%m%d%H%M%S", "--format=%cd", "HEAD");
  const commit = await git("rev-parse", "--short=10", "HEAD");
  const isChanged = (await git("status", "--porcelain", "--untracked-files=no")) !== "";
  return {
    release,
    version: `${release}+${time}.${commit}${isChanged ? ".modified" : ""}`,
    epochSeconds,
  };
}
