/** Does each instance run once, and does each card have one owner? */
import type { Connection } from "../database/database.ts";
import { findRows, type Found, type Question } from "./question.ts";

export const PLACEMENT_QUESTIONS: readonly Question[] = [
  {
    check: "instances-placed-once",
    claim: "Every instance has at most one live placement.",
    request: instancesPlacedTwice,
  },
  {
    check: "cards-held-once",
    claim: "Every GPU held whole has one holder, and none of a slice beside it.",
    request: cardsHeldTwice,
  },
  {
    check: "held-cards-are-placed",
    claim: "Every GPU that is held is held by a live placement.",
    request: allocationsWithoutPlacement,
  },
  {
    check: "placed-cards-are-held",
    claim: "Every live placement holds the GPUs that its order names.",
    request: placementsWithoutCard,
  },
  {
    check: "gang-networks-are-of-one",
    claim: "No two gangs have one network while anything of them is held.",
    request: networksOfSeveral,
  },
];

async function instancesPlacedTwice(sql: Connection): Promise<Found> {
  return await findRows<{ instance_id: string; epochs: string }>(
    sql,
    `SELECT instance_id, string_agg(epoch::text, ', ' ORDER BY epoch) AS epochs FROM placements
      WHERE resources_released_at IS NULL GROUP BY instance_id HAVING count(*) > 1`,
    ({ instance_id, epochs }) => ({
      finding: "instance-placed-twice",
      subject: { instance: instance_id },
      sentence: `Its placements of the epochs ${epochs} hold resources at once. Stop the workload, and look at the index placements_one_live_per_instance.`,
    }),
  );
}

async function cardsHeldTwice(sql: Connection): Promise<Found> {
  return await findRows<{ gpu_uuid: string; holders: string }>(
    sql,
    `SELECT gpu_uuid, string_agg(instance_id, ', ' ORDER BY instance_id) AS holders FROM gpu_allocations
      WHERE released_at IS NULL GROUP BY gpu_uuid HAVING count(*) > 1 AND bool_or(mode = 'exclusive')`,
    ({ gpu_uuid, holders }) => ({
      finding: "gpu-held-twice",
      subject: { gpu: gpu_uuid },
      sentence: `The instances ${holders} hold it, one of them whole. Stop one, and look at the index gpu_allocations_one_exclusive.`,
    }),
  );
}

async function allocationsWithoutPlacement(sql: Connection): Promise<Found> {
  return await findRows<{ allocation_id: number; gpu_uuid: string; instance_id: string; epoch: number }>(
    sql,
    `SELECT a.id AS allocation_id, a.gpu_uuid, a.instance_id, a.epoch FROM gpu_allocations a
       LEFT JOIN placements p ON p.instance_id = a.instance_id AND p.epoch = a.epoch AND p.resources_released_at IS NULL
      WHERE a.released_at IS NULL AND p.instance_id IS NULL`,
    ({ allocation_id, gpu_uuid, instance_id, epoch }) => ({
      finding: "allocation-without-placement",
      subject: { allocation: allocation_id, gpu: gpu_uuid, instance: instance_id, epoch },
      sentence:
        "That placement has given its resources back, or is not there; the card is lost to others until the allocation is released.",
    }),
  );
}

async function networksOfSeveral(sql: Connection): Promise<Found> {
  return await findRows<{ network: number; gangs: string }>(
    sql,
    `SELECT p.gang_network AS network, string_agg(DISTINCT i.workload_id, ', ') AS gangs
       FROM placements p JOIN instances i ON i.id = p.instance_id
      WHERE p.gang_network IS NOT NULL AND p.resources_released_at IS NULL
      GROUP BY p.gang_network HAVING count(DISTINCT (i.workload_kind, i.workload_id)) > 1`,
    ({ network, gangs }) => ({
      finding: "gang-network-given-twice",
      subject: { network },
      sentence: `The jobs ${gangs} have it at once, and their ranks reach each other where they share a host. Cancel one.`,
    }),
  );
}

async function placementsWithoutCard(sql: Connection): Promise<Found> {
  return await findRows<{ instance_id: string; epoch: number; gpu_uuid: string }>(
    sql,
    `SELECT p.instance_id, p.epoch, gpu ->> 'uuid' AS gpu_uuid FROM placements p,
            jsonb_array_elements(CASE jsonb_typeof(p.spec -> 'gpus') WHEN 'array' THEN p.spec -> 'gpus' ELSE '[]' END) gpu
      WHERE p.resources_released_at IS NULL
        AND NOT EXISTS (SELECT FROM gpu_allocations a
                         WHERE a.instance_id = p.instance_id AND a.epoch = p.epoch AND a.gpu_uuid = gpu ->> 'uuid'
                           AND a.released_at IS NULL)`,
    ({ instance_id, epoch, gpu_uuid }) => ({
      finding: "placement-without-allocation",
      subject: { instance: instance_id, epoch, gpu: gpu_uuid },
      sentence:
        "The order gives it this card and nothing keeps others from it. Stop the workload and start it anew.",
    }),
  );
}
