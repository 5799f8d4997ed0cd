/**
 * One pass over images on their way to hosts: placements that only wait for one give their place back and their hosts
 * fetch it without, and fetches end. Everything is read anew from what hosts told; whether it is still so is asked again
 * under locks.
 */
import type { HostId } from "@remotegpu/shared/ids";
import { fetchEnd, type FetchEnd, fetchEndSentence, mayTakeBack } from "../core/image-fetch.ts";
import { type Connection, type Database, transaction } from "../store/database.ts";
import { lockEnvironment, moveEnvironment } from "../store/environments/environments.ts";
import { noteImageOf } from "../store/hosts/host-images.ts";
import { lockHosts, raiseGeneration } from "../store/hosts/hosts.ts";
import { assertTerm } from "../store/leader.ts";
import {
  endFetch,
  forgetEndedFetches,
  openFetches,
  type OpenFetchRow,
} from "../store/placement/image-fetches.ts";
import { type PlacementForImage, placementsForImages, takeBack } from "../store/placement/take-back.ts";

/** A pass looks at this many placements; the next one goes on. */
const MAX_LOOKED_AT = 1_000;

export interface ImageFetchesDeps {
  db: Database;
  newId: (kind: "fetch") => string;
  nudge: (host: HostId) => void;
}

interface Pass {
  term: number;
  now: Date;
}

/** True when an order waits for less than before, or something is about to come free: the scheduler should look. */
export async function imageFetchesPass(deps: ImageFetchesDeps, pass: Pass): Promise<boolean> {
  const { db, nudge } = deps;
  const changed: string[] = [];
  for (const fetch of await openFetches(db)) {
    if (fetchEnd(fetch, pass.now.getTime()) === null) continue;
    if (await end(db, pass, fetch)) changed.push(fetch.hostId);
  }
  const placed = await placementsForImages(db, { now: pass.now, limit: MAX_LOOKED_AT });
  for (const placement of placed) {
    if (!mayTakeBack(placement, pass.now.getTime())) continue;
    if (await makeWait(deps, pass, placement)) changed.push(placement.hostId);
  }
  await transaction(db, async (sql) => {
    await assertTerm(sql, pass.term);
    await forgetEndedFetches(sql, pass.now);
  });
  for (const hostId of new Set(changed)) nudge(hostId as HostId);
  return changed.length > 0;
}

async function end(
  db: Database,
  { term, now }: Pass,
  { id, workload, hostId }: OpenFetchRow,
): Promise<boolean> {
  return await transaction(db, async (sql) => {
    await assertTerm(sql, term);
    // The workload before its host: the order of locks everywhere.
    if (workload.kind === "environment") await lockEnvironment(sql, workload.id);
    await lockHosts(sql, [hostId]);
    const [fetch] = await openFetches(sql, id);
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
  sql: Connection,
  { fetch, over, now }: { fetch: OpenFetchRow; over: FetchEnd; now: Date },
): Promise<void> {
  const { workload, hostId, hostName, image } = fetch;
  if (over.outcome === "present") return await noteImageOf(sql, { hostId, image });
  if (over.outcome !== "failed" || workload.kind !== "environment") return;
  const environment = await lockEnvironment(sql, workload.id);
  if (environment === null) return;
  const reason = fetchEndSentence(hostName, over);
  await moveEnvironment(sql, { environment, to: "error", reason, actor: "control-plane", now, hostId });
}

async function makeWait(
  { db, newId }: ImageFetchesDeps,
  { term, now }: Pass,
  { environmentId, hostId }: PlacementForImage,
): Promise<boolean> {
  return await transaction(db, async (sql) => {
    await assertTerm(sql, term);
    const environment = await lockEnvironment(sql, environmentId);
    await lockHosts(sql, [hostId]);
    const [placement] = await placementsForImages(sql, { now, limit: 1, environmentId });
    if (environment === null || placement?.hostId !== hostId || !mayTakeBack(placement, now.getTime()))
      return false;
    await takeBack(sql, { environment, placement, fetchId: newId("fetch"), now });
    return true;
  });
}
