/** The orders of a batch that may be placed at all: they wait, are held by this transaction, and have nothing left anywhere. */
import { fetchSentence } from "../../../core/hosts/images/image-fetch.ts";
import type { Connection } from "../../database/database.ts";
import { awaitedFetches } from "../../hosts/images/image-fetches.ts";
import { lockWaiting, type PlaceableOrder } from "./placeable-orders.ts";
import type { CommitOutcome, PlacementProposal } from "./proposals.ts";
import { nameKey, type WorkloadName } from "../../../core/workloads/workload-name.ts";

export interface Candidate extends PlacementProposal {
  order: PlaceableOrder;
}

export type Refusal = Extract<CommitOutcome, { committed: false }>;

/** Of two proposals for one workload the first counts. */
export async function lockCandidates(
  sql: Connection,
  proposals: readonly PlacementProposal[],
): Promise<(Candidate | Refusal)[]> {
  const workloads = proposals.map(({ workload }) => workload);
  const waiting = await lockWaiting(sql, workloads);
  const holders = await holdingHosts(sql, workloads);
  const fetches = await awaitedFetches(sql, workloads);
  return proposals.map((proposal) => {
    const key = nameKey(proposal.workload);
    const order = waiting.get(key);
    waiting.delete(key);
    if (order === undefined)
      return { committed: false, reason: "not-queued", detail: "It does not wait any more." };
    const holder = holders.get(key);
    const fetch = fetches.get(key);
    if (fetch !== undefined)
      return stillHeld(fetchSentence(fetch.hostName, fetch.pull, holder !== undefined));
    if (holder !== undefined)
      return stillHeld(
        `Waiting for host ${holder} to confirm that the container of the last start has stopped.`,
      );
    return { ...proposal, order };
  });
}

function stillHeld(detail: string): Refusal {
  return { committed: false, reason: "still-held", detail };
}

/** By workload, a host on which an earlier placement of it still holds something. Most have no instance yet. */
async function holdingHosts(
  sql: Connection,
  workloads: readonly WorkloadName[],
): Promise<Map<string, string>> {
  const { rows } = await sql.query<WorkloadName & { host_name: string }>(
    `WITH known AS MATERIALIZED (
       SELECT i.id, i.workload_kind, i.workload_id, i.rank
         FROM unnest($1::text[], $2::text[]) AS asked(kind, id)
         JOIN instances i ON i.workload_kind = asked.kind AND i.workload_id = asked.id)
     SELECT i.workload_kind AS kind, i.workload_id AS id, h.name AS host_name
       FROM known i JOIN placements p ON p.instance_id = i.id AND p.resources_released_at IS NULL
       JOIN hosts h ON h.id = p.host_id ORDER BY i.rank DESC`,
    [workloads.map(({ kind }) => kind), workloads.map(({ id }) => id)],
  );
  return new Map(rows.map((row) => [nameKey(row), row.host_name]));
}
