/**
 * Orphans: containers that carry our labels and that nobody ever ordered as far as this host knows, as after a lost
 * journal. They are told, and after a long grace they may be removed. Only time counts in which the control plane
 * was heard and its set was in force without naming them, so a cut-off or a restart makes the grace longer.
 *
 * What a set once named is no orphan, even when a later set lacks it: absence never deletes.
 */
import type { InstanceId } from "@remotegpu/shared/values/ids";
import { MS_PER_DAY, MS_PER_SECOND } from "@remotegpu/shared/values/units";
import type { RunKey } from "../container/container.ts";
import { ownedContainers, type Knowledge } from "./run-view.ts";

export const ORPHAN_GRACE_MS = MS_PER_DAY;
/** Two looks further apart than this have not watched the time between them, which then does not count. */
export const LONGEST_STEP_MS = 30 * MS_PER_SECOND;

export type Orphan = RunKey & {
  containerId: string;
  /** Watched time in which nobody asked for it. */
  countedMs: number;
};

/** What a look may count, and what may be done about it. */
export type OrphanRules = {
  /** Since the look before, with the control plane heard and its set in force all the while; 0 counts nothing. */
  elapsedMs: number;
  /** The operator wants them removed, not only told. */
  isReaping: boolean;
};

export type OrphanScan = {
  orphans: Orphan[];
  /** Ids of containers whose grace is over and which are to go now. */
  reaped: ReadonlySet<string>;
  /** Found by this look. */
  found: Orphan[];
  /** Their grace ended with this look. */
  ripe: Orphan[];
};

/**
 * @param before what the last look found
 * @param knowledge with every order that the host holds, those included that the last set lacked
 */
export function scanForOrphans(
  before: readonly Orphan[],
  knowledge: Pick<Knowledge, "hostId" | "observed"> & { desired: readonly Pick<RunKey, "instanceId">[] },
  { elapsedMs, isReaping }: OrphanRules,
): OrphanScan {
  const known = new Map(before.map((orphan) => [orphan.containerId, orphan]));
  const ordered = new Set<InstanceId>(knowledge.desired.map(({ instanceId }) => instanceId));
  const countsMs = elapsedMs > 0 && elapsedMs <= LONGEST_STEP_MS ? elapsedMs : 0;
  const orphans = ownedContainers(knowledge)
    // An instance that is ordered at all has an owner for all its runs: a newer one takes an older one's place.
    .filter(({ owner }) => !ordered.has(owner.instanceId))
    .map(({ containerId, owner }): Orphan => {
      const { instanceId, placementEpoch, runId } = owner;
      const earlier = known.get(containerId);
      const countedMs = earlier === undefined ? 0 : earlier.countedMs + countsMs;
      return { containerId, instanceId, placementEpoch, runId, countedMs };
    });
  const isRipe = ({ countedMs }: Orphan) => countedMs >= ORPHAN_GRACE_MS;
  const ripe = orphans.filter(isRipe);
  return {
    orphans,
    // Not in a look that counted nothing: the set may not be in force, or nobody is heard.
    reaped: new Set(isReaping && countsMs > 0 ? ripe.map(({ containerId }) => containerId) : []),
    found: orphans.filter(({ containerId }) => !known.has(containerId)),
    ripe: ripe.filter(({ containerId }) => {
      const earlier = known.get(containerId);
      return earlier !== undefined && !isRipe(earlier);
    }),
  };
}
