/** A start that waits, in one form for all kinds, and what its places make of it. */
import type { DesiredInstance } from "@remotegpu/shared/instance/instance";
import type { ResolvedMount, StoredSpec } from "../instances/desired-set.ts";
import type { LeasingEnvironment } from "../leases/lease-plan.ts";
import type { Order } from "../orders/order.ts";
import type { GpuGrant } from "../placement/placement.ts";
import type { RankNetwork } from "../training/gang-network.ts";
import type { StoredEnvVars } from "../secrets/env-var-seal.ts";
import type { StartName } from "./start.ts";

/** An instance whose place is decided. */
interface PlacedRank {
  rank: number;
  gpus: GpuGrant[];
  datasets: ResolvedMount[];
  models: ResolvedMount[];
  /** The network of one that starts with others; null where it is alone. */
  gang: RankNetwork | null;
}

export interface PlaceableStart {
  start: StartName;
  order: Order;
  name: string;
  /** The two as a run may name them: ids of the old system may point nowhere. */
  actorId: number | null;
  payingWorkspaceId: number | null;
  /** Whose ports are leased with it; null for kinds without ports. */
  leasing: LeasingEnvironment | null;
  /** The customer's part of its spec's variables. */
  envVars: StoredEnvVars;
  /** What the host of an instance is told, but for the values of variables: those are sealed still. */
  spec(instance: PlacedRank): StoredSpec;
  /** Seconds between the word to end and the kill, as the order chose them; null where it chose none. */
  chosenGraceSeconds: number | null;
  /** @param hosts so many have an instance of it */
  live(hosts: number): DesiredInstance["live"];
}

/** A start that has just got its places. */
export interface PlacedStart {
  placeable: PlaceableStart;
  /** In the order of the ranks; several ranks may be on one. */
  hosts: readonly { id: string; name: string }[];
  now: Date;
}
