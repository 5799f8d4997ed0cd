/**
 * The keys by which the first rank of a job enters the others to start processes on them: each attempt of each job has its
 * own pair on either side. How they are made is link's (identity/job-rank-keys.ts); they stand in no row, and in the desired
 * sets of the hosts of its ranks alone.
 */
import type { RankKeys, RankLaunch } from "@remotegpu/shared/instance/rank-launch";

export interface RankKeyring {
  /** @param workloadId as hosts know the job */
  keysOf(rank: { workloadId: string } & Pick<RankLaunch, "role" | "attempt">): RankKeys;
}
