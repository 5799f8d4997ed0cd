/**
 * One pass over images on their way to hosts: placements that only wait for one give their place back and their hosts
 * fetch it without, and fetches end. Everything is read anew from what hosts told; whether it is still so is asked again
 * under locks.
 */
import type { HostId } from "@remotegpu/shared/values/ids";
import type { Log } from "@remotegpu/shared/log";
import {
  fetchEnd,
  type FetchEnd,
  fetchEndReason,
  imageReason,
  mayNotGoOn,
  mayTakeBack,
} from "../../core/hosts/images/image-fetch.ts";
import { rulesOf } from "../../core/workloads/kinds.ts";
import type { WorkloadName } from "../../core/workloads/workload-name.ts";
import { storeOf } from "../../store/workloads/kinds.ts";
import type { Connection, Database, Transaction } from "../../store/database/database.ts";
import { transaction } from "../../store/database/transaction.ts";
import { noteImageOf } from "../../store/hosts/images/host-images.ts";
import { lockHosts, raiseGeneration } from "../../store/hosts/hosts.ts";
import { assertTerm, LeadershipLostError } from "../../store/database/leader.ts";
import {
  endFetch,
  forgetEndedFetches,
  openFetches,
  type OpenFetchRow,
} from "../../store/workloads/image-fetches.ts";
import {
  type PlacementForImage,
  placementsForImages,
  takeBack,
  takeBackToFetch,
} from "../../store/placement/commit/take-back.ts";
import { imageRefusals } from "../../store/hosts/images/image-needs.ts";
import { registryListInForce } from "../../store/hosts/images/registry-list.ts";
import type { Reason } from "../../core/reasons/reason.ts";

/** A pass looks at this many placements; the next one goes on. */
const MAX_CHECKED = 1_000;

export interface ImageFetchesDeps {
  db: Database;
  newId: (kind: "fetch") => string;
  nudge: (host: HostId) => void;
  log: Log;
}

interface Pass {
  term: number;
  now: Date;
}

/**
 * True when an order waits for less than before, or something is about to come free: the scheduler should look.
 * @throws LeadershipLostError when another replica leads by now; StoreError when nothing can be read
 */
export async function imageFetchesPass(deps: ImageFetchesDeps, pass: Pass): Promise<boolean> {
  const { db, nudge } = deps;
  const changed: string[] = [];
  for (const fetch of await openFetches(db, await registryListInForce(db))) {
    if (fetchEnd(fetch, pass.now.getTime()) === null) continue;
    if (await orLater(deps, fetch.start.id, () => end(db, pass, fetch))) changed.push(fetch.hostId);
  }
  for (const { placement } of await duePlacements(db, pass.now)) {
    const { workload, hostId } = placement;
    if (await orLater(deps, workload.id, () => makeWait(deps, pass, placement))) changed.push(hostId);
  }
  await transaction(db, async (sql) => {
    await assertTerm(sql, pass.term);
    await forgetEndedFetches(sql, pass.now);
  });
  for (const hostId of new Set(changed)) nudge(hostId as HostId);
  return changed.length > 0;
}

/** One order whose rows are such that it fails whoever tries is left as it is, and the others are not. */
async function orLater(
  { log }: ImageFetchesDeps,
  workload: string,
  act: () => Promise<boolean>,
): Promise<boolean> {
  try {
    return await act();
  } catch (error) {
    if (error instanceof LeadershipLostError) throw error;
    log.error({ error, workload }, "what becomes of an order and its image was not written down");
    return false;
  }
}

async function end(db: Database, { term, now }: Pass, { id, start, hostId }: OpenFetchRow): Promise<boolean> {
  return await transaction(db, async (sql) => {
    await assertTerm(sql, term);
    // The workload before its host: the order of locks everywhere.
    await storeOf(start.kind).lock(sql, start.id);
    await lockHosts(sql, [hostId]);
    const [fetch] = await openFetches(sql, await registryListInForce(sql), id);
    const over = fetch === undefined ? null : fetchEnd(fetch, now.getTime());
    if (fetch === undefined || over === null) return false;
    await endFetch(sql, { id, end: over, now });
    await raiseGeneration(sql, hostId);
    await settleOrder(sql, { fetch, over, now });
    return true;
  });
}

/** With its image there it may be placed, that host preferred; where the image cannot be had, waiting does not help. */
async function settleOrder(
  sql: Transaction,
  { fetch, over, now }: { fetch: OpenFetchRow; over: FetchEnd; now: Date },
): Promise<void> {
  const { start, hostId, hostName, image } = fetch;
  if (over.outcome === "present") return await noteImageOf(sql, { hostId, image });
  if (over.outcome !== "failed") return;
  const workload = await storeOf(start.kind).lock(sql, start.id);
  if (workload === null) return;
  const reason = fetchEndReason(hostName, over);
  const to = rulesOf(start.kind).hopeless(workload.status);
  if (to === null)
    return await storeOf(start.kind).giveUpWaiting(sql, { id: start.id, firstRank: start.firstRank, reason });
  await storeOf(start.kind).move(sql, [{ workload, to, reason, actor: "control-plane", now, hostId }]);
}

async function makeWait(
  { db, newId }: ImageFetchesDeps,
  { term, now }: Pass,
  { workload: name, hostId }: PlacementForImage,
): Promise<boolean> {
  return await transaction(db, async (sql) => {
    await assertTerm(sql, term);
    const workload = await storeOf(name.kind).lock(sql, name.id);
    await lockHosts(sql, [hostId]);
    const [due] = await duePlacements(sql, now, name);
    if (workload === null || due?.placement.hostId !== hostId) return false;
    const taken = { workload, placement: due.placement, now };
    if (due.refusal === null) await takeBackToFetch(sql, { ...taken, fetchId: newId("fetch") });
    else await takeBack(sql, taken, imageReason(due.refusal));
    return true;
  });
}

/** Those that are to give their place back. */
async function duePlacements(
  sql: Connection,
  now: Date,
  workload: WorkloadName | null = null,
): Promise<
  { placement: PlacementForImage; /** Why its image may not be used any more. */ refusal: Reason | null }[]
> {
  const placements = await placementsForImages(sql, { limit: MAX_CHECKED, workload });
  const images = placements.map(({ image }) => image);
  const refusals = await imageRefusals(sql, images, await registryListInForce(sql));
  return placements
    .map((placement, index) => ({ placement, refusal: refusals[index] ?? null }))
    .filter(({ placement, refusal }) =>
      refusal === null ? mayTakeBack(placement, now.getTime()) : mayNotGoOn(placement),
    );
}
