/**
 * The whole desired set of a host: its placements that are not gone, its leases that are not over and the images that it
 * is to fetch, at one generation. How images may be had is said as it is at this moment; a change of that alone is no
 * new generation.
 */
import type { HostId, InstanceId, RunId } from "@remotegpu/shared/values/ids";
import type { DesiredFetch, ImageTerms } from "@remotegpu/shared/instance/image-fetch";
import type { DesiredInstance } from "@remotegpu/shared/instance/instance";
import type { HostKeys } from "../../../core/environments/host-keys.ts";
import type { JupyterTokens } from "../../../core/environments/jupyter-tokens.ts";
import type { TerminalKeys } from "../../../core/environments/terminal-keys.ts";
import type { StoredSpec } from "../../../core/instances/desired-set.ts";
import type { EnvVarSeal } from "../../../core/secrets/env-var-seal.ts";
import type { RankKeyring } from "../../../core/training/launch/rank-keys.ts";
import { ordersFor } from "../../../core/hosts/protocol-one.ts";
import { isHeardNow } from "../../../core/hosts/host-liveness.ts";
import type { Cut, GatewayAddress, KeySet } from "@remotegpu/shared/instance/ssh-access";
import type { RankKeys } from "@remotegpu/shared/instance/rank-launch";
import type { DesiredLease } from "@remotegpu/shared/instance/lease";
import type { Connection, Database } from "../../database/database.ts";
import { transaction } from "../../database/transaction.ts";
import { desiredCuts } from "../../environments/access/access-sessions.ts";
import { gatewaysToDial } from "../../gateway/gateway-routes.ts";
import { jupyterTokensOn } from "../../environments/jupyter-tokens.ts";
import { rdpAccessOn } from "../../environments/rdp-passwords.ts";
import { desiredLeases } from "../../leases/lease-orders.ts";
import { orderActorOfInstance } from "../../workloads/kinds.ts";
import { imageTermsOf, type ImageUse } from "../../hosts/images/image-terms.ts";
import { desiredAccess, withAccess } from "./desired-access.ts";
import { desiredFetches } from "./desired-fetches.ts";
import type { RegistryList } from "../../../core/hosts/images/registries.ts";
import { registryListInForce } from "../../hosts/images/registry-list.ts";

interface HostDesiredSet {
  term: number;
  generation: number;
  confirmedStops: number | null;
  /** In a fixed order, so that pages of one generation fit together. */
  instances: DesiredInstance[];
  /** Those that its instances name. */
  keySets: KeySet[];
  leases: DesiredLease[];
  /** Left out where there are none. */
  fetches?: DesiredFetch[];
  /** Likewise: sessions that are to end. */
  cuts?: Cut[];
  /** Likewise: gateways that cannot reach it. */
  gateways?: GatewayAddress[];
}

export type DesiredSetOutcome =
  | { served: true; desired: HostDesiredSet }
  | { served: false; reason: "unknown-host" | "beat-first" | "report-first" | "restore-held" };

interface PlacementRow extends ImageUse {
  instance_id: InstanceId;
  epoch: number;
  run_id: RunId;
  want: DesiredInstance["want"];
  ordered_by: DesiredInstance["orderedBy"];
  spec_hash: string;
  spec: StoredSpec;
  live: DesiredInstance["live"];
  /** Whether its service goes without the replica. */
  is_draining: boolean;
  /** Whose its variables were when they were sealed. */
  vars_owner_id: number;
}

/**
 * Served only to a host that was heard just now and whose observed state was merged: a heartbeat shows whether the
 * database was restored, and if so it may not know what runs there; an order given blindly could stop or double it.
 */
export async function desiredSetOf(
  database: Database,
  hostId: HostId,
  {
    now,
    opensKeys,
    envVars,
    unopened,
    hostKeys,
    terminalKeys,
    jupyterTokens: jupyter,
    rankKeys,
  }: {
    now: Date;
    /** The sealing keys of passwords of registries. */
    opensKeys: readonly string[];
    envVars: EnvVarSeal;
    /** Is told of instances that are to run and whose variables do not open. */
    unopened: (instanceId: InstanceId) => void;
    hostKeys: HostKeys;
    terminalKeys: TerminalKeys;
    jupyterTokens: JupyterTokens;
    rankKeys: RankKeyring;
  },
): Promise<DesiredSetOutcome> {
  return await transaction(
    database,
    async (sql) => {
      const inForce = registryListInForce(sql);
      const [row, placements, fetches, leases, access, cuts, jupyterTokens, rdp, gateways] =
        await Promise.all([
          hostOf(sql, hostId),
          placementsOf(sql, hostId, { opensKeys, inForce, envVars, unopened }),
          desiredFetches(sql, { hostId, opensKeys, inForce }),
          desiredLeases(sql, hostId),
          desiredAccess(sql, { hostId, hostKeys, terminalKeys }),
          desiredCuts(sql, hostId),
          jupyterTokensOn(sql, jupyter, hostId),
          rdpAccessOn(sql, hostId),
          gatewaysToDial(sql, hostId),
          inForce,
        ]);
      if (row === undefined) return { served: false, reason: "unknown-host" };
      const lastHeartbeatMs = row.last_heartbeat?.getTime() ?? null;
      if (!isHeardNow({ lastHeartbeatMs, nowMs: now.getTime() }))
        return { served: false, reason: "beat-first" };
      if (row.observed_digest === null) return { served: false, reason: "report-first" };
      if (row.is_restore_held) return { served: false, reason: "restore-held" };
      return {
        served: true,
        desired: {
          term: row.term,
          generation: row.generation,
          confirmedStops: row.confirmed_stops,
          instances: ordersFor(
            row.protocol_max,
            placements.map((order) =>
              withLive(withAccess(order, access.of.get(order.instanceId)), {
                jupyterToken: jupyterTokens.get(order.instanceId),
                rdp: rdp.get(order.instanceId),
                rankKeys: rankKeysOf(order, rankKeys),
              }),
            ),
          ),
          keySets: access.keySets,
          leases,
          ...(fetches.length > 0 && { fetches }),
          ...(cuts.length > 0 && { cuts }),
          ...(gateways.length > 0 && { gateways }),
        },
      };
    },
    // Generation, placements, leases and fetches must be of one moment.
    { isolation: "repeatable read" },
  );
}

interface HostRow {
  generation: number;
  term: number;
  confirmed_stops: number | null;
  observed_digest: string | null;
  protocol_max: number | null;
  last_heartbeat: Date | null;
  is_restore_held: boolean;
}

async function hostOf(sql: Connection, hostId: HostId): Promise<HostRow | undefined> {
  const { rows } = await sql.query<HostRow>(
    `SELECT h.last_heartbeat, h.protocol_max, h.generation, h.confirmed_stops, h.observed_digest, l.term,
            c.restore_held_since IS NOT NULL AS is_restore_held
       FROM hosts h, leader l, cluster_state c
      WHERE h.id = $1 AND h.deleted_at IS NULL AND h.revoked_at IS NULL`,
    [hostId],
  );
  return rows[0];
}

async function placementsOf(
  sql: Connection,
  hostId: HostId,
  {
    envVars,
    unopened,
    ...how
  }: {
    opensKeys: readonly string[];
    inForce: Promise<RegistryList>;
    envVars: EnvVarSeal;
    unopened: (instanceId: InstanceId) => void;
  },
): Promise<DesiredInstance[]> {
  const { rows } = await sql.query<PlacementRow>(
    `SELECT p.instance_id, p.epoch, p.run_id, p.want, p.ordered_by, p.spec_hash, p.spec, p.live,
            i.draining_since IS NOT NULL AS is_draining, r.ordered_by AS "customerId", r.workspace_id AS "workspaceId", p.spec ->> 'image' AS image,
            ${orderActorOfInstance("i")} AS vars_owner_id
       FROM placements p JOIN runs r ON r.id = p.run_id JOIN instances i ON i.id = p.instance_id
      WHERE p.host_id = $1 AND p.gone_at IS NULL
      ORDER BY p.instance_id, p.epoch`,
    [hostId],
  );
  const terms = await imageTermsOf(sql, rows, how);
  return rows.flatMap((row, index) => {
    const env = openedEnv(row, envVars);
    if (env !== null) return [desiredInstance({ ...row, spec: { ...row.spec, env } }, terms[index])];
    // Left out it stays as it is on its host: one that is not there yet must not begin without what it was ordered with.
    unopened(row.instance_id);
    return [];
  });
}

/** Null where it is to run, and a variable of its does not open; one that is to end needs none. */
function openedEnv(
  { spec: { env }, want, vars_owner_id: customerId }: PlacementRow,
  envVars: EnvVarSeal,
): Record<string, string> | null {
  return envVars.open(env, { customerId }) ?? (want === "running" ? null : {});
}

/** An instance has one placement at most that is to run. */
function withLive(
  order: DesiredInstance,
  { jupyterToken, rdp, rankKeys }: Pick<DesiredInstance["live"], "jupyterToken" | "rdp" | "rankKeys">,
): DesiredInstance {
  if (order.want !== "running") return order;
  const live = {
    ...(jupyterToken !== undefined && { jupyterToken }),
    ...(rdp !== undefined && { rdp }),
    ...(rankKeys !== undefined && { rankKeys }),
  };
  return { ...order, live: { ...order.live, ...live } };
}

function rankKeysOf({ spec }: DesiredInstance, keyring: RankKeyring): RankKeys | undefined {
  const { launch, workloadId } = spec;
  return launch === undefined ? undefined : keyring.keysOf({ workloadId, ...launch });
}

function desiredInstance(
  row: Omit<PlacementRow, "spec"> & Pick<DesiredInstance, "spec">,
  imageTerms: ImageTerms | undefined,
): DesiredInstance {
  return {
    instanceId: row.instance_id,
    placementEpoch: row.epoch,
    runId: row.run_id,
    want: row.want,
    orderedBy: row.ordered_by,
    specHash: row.spec_hash,
    spec: row.spec,
    live: row.is_draining && row.want === "running" ? { ...row.live, draining: true } : row.live,
    ...(imageTerms !== undefined && { imageTerms }),
  };
}
