/** The starts of a batch that may be placed at all: they wait, are held by this transaction, and have nothing left anywhere. */
import { fetchReason } from "../../../core/hosts/images/image-fetch.ts";
import type { Reason } from "../../../core/reasons/reason.ts";
import { stopReason } from "../../../core/queue/waiting-reasons.ts";
import type { PlaceableStart } from "../../../core/workloads/placeable-start.ts";
import { type StartName, startKey } from "../../../core/workloads/start.ts";
import type { Connection, Transaction } from "../../database/database.ts";
import { awaitedFetches } from "../../workloads/image-fetches.ts";
import { KINDS_IN_LOCK_ORDER, storeOf } from "../../workloads/kinds.ts";
import type { CommitOutcome, PlacementProposal } from "./proposals.ts";

export interface Candidate extends PlacementProposal {
  placeable: PlaceableStart;
}

export type Refusal = Extract<CommitOutcome, { committed: false }>;

/** The first of two proposals for one start counts. */
export async function lockCandidates(
  sql: Transaction,
  proposals: readonly PlacementProposal[],
): Promise<(Candidate | Refusal)[]> {
  const starts = proposals.map(({ start }) => start);
  const [waiting, holders, fetches] = await Promise.all([
    lockWaiting(sql, starts),
    holdingHosts(sql, proposals),
    awaitedFetches(sql, starts),
  ]);
  return proposals.map((proposal) => {
    const key = startKey(proposal.start);
    const placeable = waiting.get(key);
    waiting.delete(key);
    if (placeable === undefined)
      return { committed: false, reason: "not-queued", detail: { code: "order-not-waiting", params: {} } };
    const holder = holders.get(key);
    const fetch = fetches.get(key);
    if (fetch !== undefined) return stillHeld(fetchReason(fetch.hostName, fetch.pull, holder !== undefined));
    if (holder !== undefined) return stillHeld(stopReason([holder]));
    return { ...proposal, placeable };
  });
}

/** Those that wait, held to the end of the transaction: kind by kind, each in the order of their ids. */
async function lockWaiting(
  sql: Transaction,
  starts: readonly StartName[],
): Promise<Map<string, PlaceableStart>> {
  const kinds = KINDS_IN_LOCK_ORDER.map((kind) => starts.filter((start) => start.kind === kind));
  const waiting = await Promise.all(
    kinds.map(async (ofKind) => {
      const [first] = ofKind;
      return first === undefined ? [] : await storeOf(first.kind).lockWaiting(sql, ofKind);
    }),
  );
  return new Map(waiting.flat().map((placeable) => [startKey(placeable.start), placeable]));
}

function stillHeld(detail: Reason): Refusal {
  return { committed: false, reason: "still-held", detail };
}

/** By start, a host on which an earlier placement of one of its ranks still holds something. Most have no instance yet. */
async function holdingHosts(
  sql: Connection,
  proposals: readonly PlacementProposal[],
): Promise<Map<string, string>> {
  const { rows } = await sql.query<{ nth: number; host_name: string }>(
    `WITH known AS MATERIALIZED (
       SELECT asked.nth, i.id, i.rank
         FROM unnest($1::text[], $2::text[], $3::int[], $4::int[]) WITH ORDINALITY
                AS asked(kind, id, first_rank, instances, nth)
         JOIN instances i ON i.workload_kind = asked.kind AND i.workload_id = asked.id
          AND i.rank >= asked.first_rank AND i.rank < asked.first_rank + asked.instances)
     SELECT known.nth, h.name AS host_name
       FROM known JOIN placements p ON p.instance_id = known.id AND p.resources_released_at IS NULL
       JOIN hosts h ON h.id = p.host_id ORDER BY known.rank DESC`,
    [
      proposals.map(({ start }) => start.kind),
      proposals.map(({ start }) => start.id),
      proposals.map(({ start }) => start.firstRank),
      proposals.map(({ instances }) => instances.length),
    ],
  );
  return new Map(
    rows.flatMap(({ nth, host_name }) => {
      const proposal = proposals[nth - 1];
      return proposal === undefined ? [] : [[startKey(proposal.start), host_name]];
    }),
  );
}
