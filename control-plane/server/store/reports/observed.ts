/**
 * Takes a host's whole observed state into the database, in one transaction: the machine and its cards, what became
 * of each placement and lease, and what that means for the workloads. Absence means nothing but the end of an ordered removal.
 */
import type { MachineReport } from "@remotegpu/shared/messages/host-report";
import type { ObservedInstance } from "@remotegpu/shared/instance/instance";
import { keepAlarms } from "../events/alarms.ts";
import type { Connection, Database, Transaction } from "../database/database.ts";
import { transaction } from "../database/transaction.ts";
import type { EnvironmentRow } from "../environments/environments.ts";
import { lockEnvironmentsOn } from "../environments/environments-on-host.ts";
import { completeDeletions } from "../environments/environment-deletions.ts";
import { takeAccess } from "../environments/access/access-reports.ts";
import { noteContainerFacts, noteServices, noteServing, noteStreams } from "./container-facts.ts";
import { noteReadiness } from "../billing/broken-time/run-readiness.ts";
import { noteGpuFaults } from "./runs/gpu-faults.ts";
import { noteRunEnds } from "./runs/run-ends.ts";
import { noteRunRestarts } from "./runs/run-restarts.ts";
import { noteProgress } from "./runs/stalls.ts";
import { noteDrill } from "../hosts/host-drills.ts";
import { noteCanary } from "./health/canary-reports.ts";
import { mergeGpus } from "./health/gpu-inventory.ts";
import { noteKernelNotes } from "./health/kernel-notes.ts";
import { putHostImages } from "../hosts/images/host-images.ts";
import { putHostPulls } from "../hosts/images/host-pulls.ts";
import { putHostVersions } from "../hosts/host-versions.ts";
import { mergeLeases } from "../leases/lease-reports.ts";
import { raiseGeneration } from "../hosts/hosts.ts";
import type { ObservedState } from "./observed-state.ts";
import { substanceOf } from "./observed-substance.ts";
import { noteRankStates } from "./gangs/rank-states.ts";
import { noteStubbornRuns } from "../hosts/stubborn-runs.ts";
import { mergeLostHistory, noteKnownEpochs } from "./lost-history.ts";
import {
  livePlacements,
  type LivePlacement,
  mergePlacement,
  type ReportingHost,
} from "./placement-reports.ts";

/** The bound of one host. */
const MAX_STRANGERS_LISTED = 20;

export type MergeOutcome =
  | {
      merged: true;
      /** Its desired set changed: nudge it. */
      ordersChanged: boolean;
      /** More than the numbers and sentences that only people read: whoever decides should look. */
      changed: boolean;
    }
  | { merged: false; reason: string };

export async function mergeObserved(
  database: Database,
  { hostId, observed, now }: { hostId: string; observed: ObservedState; now: Date },
): Promise<MergeOutcome> {
  return await transaction(database, async (sql) => {
    // Environments before their host, in the order of their ids: the order of locks everywhere.
    const [environments, host] = await Promise.all([lockEnvironmentsOn(sql, hostId), lockHost(sql, hostId)]);
    if (host === null) return { merged: false, reason: "this host is not known here, or was revoked" };
    // In this order; what is asked of one does not depend on the others.
    const [, , , , live] = await Promise.all([
      observed.machine && mergeMachine(sql, { hostId, machine: observed.machine, now }),
      observed.gpus && mergeGpus(sql, { hostId, gpus: observed.gpus, now }),
      observed.pulls && putHostPulls(sql, { hostId, pulls: observed.pulls, now }),
      noteKnownEpochs(sql, observed.instances),
      livePlacements(sql, hostId),
    ]);

    let ordersChanged = false;
    const isSilent = silenceOf(observed);
    const known = live.filter((placement) => !isSilent(placement));
    const placements = host.is_restored
      ? await mergeLostHistory(sql, {
          host,
          placements: known,
          observed: observed.instances,
          environments,
          now,
        })
      : known;
    ordersChanged ||= host.is_restored;
    for (const placement of placements) {
      const merge = { host, placement, observed: observed.instances, now };
      ordersChanged = (await mergePlacement(sql, merge, environments)) || ordersChanged;
    }
    const explained = [...placements, ...live.filter(isSilent)];
    const reported = { hostId, observed: observed.instances, now };
    // People read in this order of events what came together: errors of programs, restarts, ends, ports.
    const runs = noteGpuFaults(sql, reported)
      .then(async () => await noteRunRestarts(sql, reported))
      .then(async () => await noteRunEnds(sql, reported));
    const ports = runs.then(
      async () =>
        observed.leases !== null && (await mergeLeases(sql, { host, leases: observed.leases, now })),
    );
    const { access = null, kernelNotes: notes } = observed;
    const [areLeasesOver] = await Promise.all([
      ports,
      runs,
      // One statement each, in this order.
      noteContainerFacts(sql, reported),
      noteServices(sql, reported),
      noteServing(sql, reported),
      noteStreams(sql, reported),
      noteRankStates(sql, reported),
      noteProgress(sql, reported),
      noteReadiness(sql, reported),
      reportStrangers(sql, { ...reported, placements: explained }),
      noteStubbornRuns(sql, reported),
      observed.machine?.canary && noteCanary(sql, { hostId, canary: observed.machine.canary, now }),
      observed.machine?.drill && noteDrill(sql, { hostId, drill: observed.machine.drill, now }),
      notes && noteKernelNotes(sql, { hostId, notes, now }),
      runs.then(async () => await takeAccess(sql, { hostId, access, now })),
    ]);
    ordersChanged ||= areLeasesOver;
    const substance = substanceOf(observed);
    await Promise.all([
      completeDeletions(sql, { ids: deletedOf(environments), now }),
      ordersChanged && raiseGeneration(sql, hostId),
      sql.change(
        `UPDATE hosts SET observed_digest = $2, observed_substance = $3, observed_at = $4, status_reason = NULL,
                restore_detected_at = NULL
          WHERE id = $1`,
        [hostId, observed.digest, substance, now],
      ),
    ]);
    // The same words mean more once a removal is applied: that something is gone.
    const isRemoving = placements.some(({ want }) => want === "removed");
    const isNew = host.last_substance !== substance;
    return { merged: true, ordersChanged, changed: ordersChanged || isRemoving || isNew };
  });
}

/** Held, so that nobody else deletes one meanwhile. */
function deletedOf(environments: ReadonlyMap<string, EnvironmentRow>): string[] {
  return [...environments.values()].filter(({ status }) => status === "deleting").map(({ id }) => id);
}

/** What runs there is told in words that this side does not understand, so nothing is known of it, its absence least. */
function silenceOf({ notUnderstood = [] }: ObservedState): (placement: LivePlacement) => boolean {
  const silent = new Set(notUnderstood.map((run) => `${run.instanceId} ${run.placementEpoch}`));
  return (placement) => silent.has(`${placement.instance_id} ${placement.epoch}`);
}

interface LockedHost extends ReportingHost {
  /** The substance of its last report; null where it is to report anew. */
  last_substance: string | null;
}

async function lockHost(sql: Transaction, hostId: string): Promise<LockedHost | null> {
  const { rows } = await sql.query<LockedHost>(
    `SELECT id, name, coalesce(storage_pool, id) AS storage_pool, applied_generation >= generation AS has_applied_all,
            restore_detected_at IS NOT NULL AS is_restored,
            CASE WHEN observed_digest IS NOT NULL THEN observed_substance END AS last_substance,
            (SELECT d.deadline_at FROM host_drains d WHERE d.host_id = hosts.id) AS drain_deadline_at,
            (SELECT d.reason FROM host_drains d WHERE d.host_id = hosts.id) AS drain_reason
       FROM hosts WHERE id = $1 AND deleted_at IS NULL AND revoked_at IS NULL FOR NO KEY UPDATE`,
    [hostId],
  );
  return rows[0] ?? null;
}

async function mergeMachine(
  sql: Connection,
  { hostId, machine, now }: { hostId: string; machine: MachineReport; now: Date },
): Promise<void> {
  // Nothing told is nothing known: what was there may well be there still.
  const images = machine.images ?? null;
  const versions = machine.versions ?? null;
  await Promise.all([
    putMachine(sql, hostId, machine),
    images === null ? null : putHostImages(sql, { hostId, images, now }),
    versions === null ? null : putHostVersions(sql, { hostId, versions, now }),
  ]);
}

/** Most reports come of a machine that is as it was. In which pool it is, its reports do not say: administrators do. */
async function putMachine(sql: Connection, hostId: string, machine: MachineReport): Promise<void> {
  await sql.change(
    `UPDATE hosts SET hostname = $2, ip_address = $3, os_type = $4, os_version = $5, arch = $6, total_cpu = $7,
            total_memory = $8, total_disk = $9, agent_version = $10, attach_mode = $11, gateway_port = $12
      WHERE id = $1
        AND (hostname, ip_address, os_type, os_version, arch, total_cpu, total_memory, total_disk, agent_version,
             attach_mode, gateway_port)
            IS DISTINCT FROM ($2, $3, $4, $5, $6, $7::int, $8::bigint, $9::bigint, $10, $11, $12::int)`,
    [
      hostId,
      machine.hostname,
      machine.ipAddress,
      machine.osType,
      machine.osVersion,
      machine.arch,
      machine.cpuCount,
      machine.memoryBytes,
      machine.diskBytes,
      machine.agentVersion,
      machine.attachMode,
      machine.gatewayPort ?? null,
    ],
  );
}

/**
 * Instances that no placement of this host explains are left alone and shown to the operators, once, for as long as
 * they are there. A host that makes them up fills no more than its share of the list.
 */
async function reportStrangers(
  sql: Transaction,
  {
    hostId,
    placements,
    observed,
    now,
  }: {
    hostId: string;
    placements: readonly LivePlacement[];
    observed: readonly ObservedInstance[];
    now: Date;
  },
): Promise<void> {
  const strangers = observed.filter(
    (seen) =>
      seen.phase !== "stopped" &&
      seen.phase !== "failed" &&
      !placements.some(
        (placement) => placement.instance_id === seen.instanceId && placement.epoch === seen.placementEpoch,
      ),
  );
  const alarms = new Map(
    strangers.map((seen) => [
      `${hostId} ${seen.instanceId} ${seen.placementEpoch}`,
      {
        code: "instance-placed-by-nobody" as const,
        params: { host_id: hostId, instance_id: seen.instanceId, epoch: seen.placementEpoch },
      },
    ]),
  );
  const most = MAX_STRANGERS_LISTED;
  await keepAlarms(sql, { kind: "unknown-instance", prefix: `${hostId} `, alarms, most, now });
}
