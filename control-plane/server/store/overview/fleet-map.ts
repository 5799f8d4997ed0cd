/**
 * The fleet as a map: hosts in a line (`map-line.ts`), each with its cards and who holds them, and what all of them sum up
 * to. All of it is read from one snapshot, so that the sums are those of the hosts that are shown.
 */
import type { HostConnection, WorkloadKind } from "@remotegpu/shared/values/workload";
import type { CardFault } from "../../core/hosts/card-fault.ts";
import type { Connection, Database } from "../database/database.ts";
import { transaction } from "../database/transaction.ts";
import { readColumns } from "../database/read-columns.ts";
import { safeBigint } from "../database/values/old-values.ts";
import { optionalReasonColumn, type StoredReason } from "../database/values/reason-columns.ts";
import { CARD_FAULT } from "../hosts/gpus/card-fault.ts";
import { SAMPLED_AT } from "../hosts/gpus/card-sample.ts";
import { IS_HELD, IS_OPEN } from "../fleet/free-cards.ts";
import {
  CARDS,
  countInLine,
  type HostInLine,
  hostsInLine,
  labelKeys,
  type MapQuery,
  moment,
} from "./map-line.ts";

const CARD_COLUMNS = [
  "host_id",
  "uuid",
  "gpu_index",
  "name",
  "memory_total",
  "memory_used_mib",
  "utilization_percent",
  "temperature_c",
  "power_w",
  "sampled_ms",
  "health_status",
  "cordoned",
  "cordon_reason",
  "fault",
  "simulated",
  "free",
  "vanished_ms",
  "pci_bus_id",
] as const;

interface CardRow {
  host_id: string;
  uuid: string | null;
  /** Null for one that vanished: another card may have its number by now. */
  gpu_index: number | null;
  name: string | null;
  memory_total: number | null;
  memory_used_mib: number | null;
  utilization_percent: number | null;
  temperature_c: number | null;
  power_w: string | null;
  sampled_ms: number | null;
  health_status: string;
  cordoned: boolean;
  cordon_reason: StoredReason | null;
  fault: CardFault | null;
  simulated: boolean;
  free: boolean;
  vanished_ms: number | null;
  pci_bus_id: string | null;
}

const HOLDER_COLUMNS = ["uuid", "kind", "id", "name", "slot"] as const;

interface HolderRow {
  uuid: string;
  kind: WorkloadKind;
  id: string;
  name: string;
  slot: number;
}

interface CardTotals {
  hosts_up: number;
  hosts_suspect: number;
  hosts_unreachable: number;
  hosts_cordoned: number;
  gpus_total: number;
  gpus_free: number;
  gpus_held: number;
  gpus_cordoned: number;
}

export interface CardOnMap extends CardRow {
  holders: HolderRow[];
}

export interface HostOnMap extends HostInLine {
  gpus: CardOnMap[];
}

interface FleetMap {
  totals: CardTotals;
  /** One more than the page's limit, where there are more; that one without its cards. */
  hosts: HostOnMap[];
  /** How many match, of all pages, and how many of their cards are free with so much memory. */
  found: number;
  foundGpus: number | null;
  /** How many of those that match come before the page. */
  before: number;
  labelKeys: string[];
}

export async function fleetMap(db: Database, query: MapQuery): Promise<FleetMap> {
  return await transaction(
    db,
    async (sql) => {
      const line = await hostsInLine(sql, query);
      const [first] = line;
      const isWhole = isEverything(query) && line.length <= query.limit;
      const ids = line.slice(0, query.limit).map(({ id }) => id);
      const [cards, holders, totals, keys, counted] = await Promise.all([
        cardsOf(sql, ids),
        holdersOf(sql, ids),
        isWhole ? null : cardTotals(sql),
        labelKeys(sql),
        first ?? countInLine(sql, query),
      ]);
      const hosts = withCards(line, cards, holders);
      return {
        hosts,
        totals: totals ?? sumOf(hosts),
        found: counted.found,
        // The sum of none is unknown to SQL.
        foundGpus: query.freeGpuMemory === null ? null : (counted.found_gpus ?? 0),
        before: first === undefined ? counted.found : first.nth - 1,
        labelKeys: keys,
      };
    },
    { isolation: "repeatable read" },
  );
}

function isEverything({ after, search, freeGpuMemory }: MapQuery): boolean {
  return after === null && search === null && freeGpuMemory === null;
}

function withCards(
  hosts: readonly HostInLine[],
  cards: readonly CardRow[],
  holders: readonly HolderRow[],
): HostOnMap[] {
  const held = Map.groupBy(holders, ({ uuid }) => uuid);
  const ofHosts = Map.groupBy(cards, ({ host_id: hostId }) => hostId);
  return hosts.map((host) => ({
    ...host,
    gpus: (ofHosts.get(host.id) ?? [])
      .sort(byPlace)
      .map((card) => ({ ...card, holders: (held.get(card.uuid ?? "") ?? []).sort(bySlot) })),
  }));
}

/** By where they sit, so that one that vanished keeps its place; where somebody does not know, by their numbers. */
function byPlace(one: CardRow, other: CardRow): number {
  return (
    inOrder(one.pci_bus_id ?? LAST, other.pci_bus_id ?? LAST) ||
    inOrder(one.gpu_index ?? Infinity, other.gpu_index ?? Infinity) ||
    inOrder(one.uuid ?? "", other.uuid ?? "")
  );
}

/** Behind every text that says where a card sits. */
const LAST = "\uffff";

function bySlot(one: HolderRow, other: HolderRow): number {
  return one.slot - other.slot || inOrder(one.id, other.id);
}

function inOrder<T extends string | number>(one: T, other: T): number {
  return one === other ? 0 : one < other ? -1 : 1;
}

/** What cardTotals counts, of a fleet that is here as a whole. */
function sumOf(hosts: readonly HostOnMap[]): CardTotals {
  const cards = hosts
    .flatMap(({ gpus }) => gpus)
    .filter(({ vanished_ms: vanishedMs }) => vanishedMs === null);
  const heard = (as: HostConnection) => hosts.filter(({ connection }) => connection === as).length;
  return {
    hosts_up: heard("connected"),
    hosts_suspect: heard("suspect"),
    hosts_unreachable: heard("unreachable"),
    hosts_cordoned: hosts.filter(({ cordoned }) => cordoned).length,
    gpus_total: cards.length,
    gpus_free: cards.filter(({ free }) => free).length,
    gpus_held: cards.filter(({ holders }) => holders.length > 0).length,
    gpus_cordoned: cards.filter(({ cordoned }) => cordoned).length,
  };
}

async function cardsOf(sql: Connection, hostIds: readonly string[]): Promise<CardRow[]> {
  return await readColumns<CardRow>(sql, CARD_COLUMNS, {
    select: `SELECT g.host_id, g.uuid, CASE WHEN g.vanished_at IS NULL THEN g.gpu_index END AS gpu_index, g.name,
            ${safeBigint("g.memory_total")} AS memory_total, g.memory_used_mib, g.utilization_percent, g.temperature_c,
            g.power_w::text AS power_w, ${moment(SAMPLED_AT)} AS sampled_ms,
            coalesce(g.health_status, 'unknown') AS health_status, g.cordoned, ${optionalReasonColumn("g", "cordon_reason")} AS cordon_reason, ${CARD_FAULT} AS fault, g.simulated,
            ${IS_OPEN} AND NOT ${IS_HELD} AS free, ${moment("g.vanished_at")} AS vanished_ms, g.pci_bus_id
       FROM ${CARDS} WHERE g.host_id = ANY($1::text[])`,
    values: [hostIds],
  });
}

async function holdersOf(sql: Connection, hostIds: readonly string[]): Promise<HolderRow[]> {
  return await readColumns<HolderRow>(sql, HOLDER_COLUMNS, {
    select: `WITH held AS (
         SELECT a.gpu_uuid, i.workload_kind, i.workload_id, min(a.slot) AS slot
           FROM gpu_allocations a JOIN gpus g ON g.uuid = a.gpu_uuid JOIN instances i ON i.id = a.instance_id
          WHERE a.released_at IS NULL AND g.host_id = ANY($1::text[]) GROUP BY 1, 2, 3)
       SELECT held.gpu_uuid AS uuid, w.kind, w.id, w.name, held.slot
         FROM held JOIN workloads w ON w.kind = held.workload_kind AND w.id = held.workload_id`,
    values: [hostIds],
  });
}

async function cardTotals(sql: Connection): Promise<CardTotals> {
  const { rows } = await sql.query<CardTotals>(
    `WITH live AS (SELECT connection, cordoned FROM hosts WHERE deleted_at IS NULL),
          cards AS (SELECT ${IS_OPEN} AS open, ${IS_HELD} AS held, g.cordoned FROM ${CARDS} WHERE g.vanished_at IS NULL)
     SELECT (SELECT count(*) FROM live WHERE connection = 'connected') AS hosts_up,
            (SELECT count(*) FROM live WHERE connection = 'suspect') AS hosts_suspect,
            (SELECT count(*) FROM live WHERE connection = 'unreachable') AS hosts_unreachable,
            (SELECT count(*) FROM live WHERE cordoned) AS hosts_cordoned,
            (SELECT count(*) FROM cards) AS gpus_total,
            (SELECT count(*) FROM cards WHERE open AND NOT held) AS gpus_free,
            (SELECT count(*) FROM cards WHERE held) AS gpus_held,
            (SELECT count(*) FROM cards WHERE cordoned) AS gpus_cordoned`,
  );
  return rows[0] as CardTotals;
}
