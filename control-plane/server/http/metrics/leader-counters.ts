/**
 * Counters that the server which leads makes from rows of tables that only grow: nothing that moves money or decides usage
 * knows of them. They begin at 0 with each process and each time it comes to lead.
 */
import type { DistributionCounter } from "@remotegpu/shared/metrics/distribution";
import type { LabelledCounter } from "../../core/metrics/labelled-counter.ts";
import {
  CHARGED_LINES,
  chargedLineOf,
  CREDIT_CAUSES,
  knownOr,
  REJECTION_REASONS,
  START_PHASES,
} from "../../core/metrics/label-values.ts";
import { type RowRange, RowRanges } from "../../core/metrics/row-range.ts";
import { counterOf, distributionOf } from "../../core/metrics/server-counters.ts";
import type { Connection } from "../../store/database/database.ts";
import { UPGRADE_RESULTS } from "@remotegpu/shared/messages/upgrade-report";
import { upgradeResults } from "../../store/hosts/agent-upgrades.ts";
import { environmentStarts } from "../../store/environments/environment-starts.ts";
import {
  chargedPoints,
  creditedPoints,
  refusedRows,
  type Summed,
  tableHeads,
} from "../../store/overview/metrics/new-rows.ts";
import type { ServerSamples } from "../../core/metrics/families.ts";

const TABLES = [
  "billing_records",
  "ledger_entries",
  "quarantine",
  "events",
  "agent_upgrade_results",
] as const;

interface Counts {
  readonly charges: LabelledCounter;
  readonly credits: LabelledCounter;
  readonly rejections: LabelledCounter;
  readonly starts: DistributionCounter;
  readonly upgrades: LabelledCounter;
}

const eachOf = (values: readonly string[]): string[][] => values.map((value) => [value]);

function noCounts(): Counts {
  return {
    charges: counterOf("charges_points_total", eachOf(CHARGED_LINES)),
    credits: counterOf("credited_points_total", eachOf(CREDIT_CAUSES)),
    rejections: counterOf("usage_rejected_rows_total", eachOf(REJECTION_REASONS)),
    starts: distributionOf("environment_start_duration_seconds", eachOf(START_PHASES)),
    upgrades: counterOf("upgrades_total", eachOf(UPGRADE_RESULTS)),
  };
}

function noRanges(): Record<(typeof TABLES)[number], RowRanges> {
  return {
    billing_records: new RowRanges(),
    ledger_entries: new RowRanges(),
    quarantine: new RowRanges(),
    events: new RowRanges(),
    agent_upgrade_results: new RowRanges(),
  };
}

export class LeaderCounters {
  #ranges = noRanges();
  #counts = noCounts();

  /** Counts the rows that have come since the reading before. @throws StoreError: they are not counted */
  async read(db: Connection): Promise<void> {
    const heads = await tableHeads(db);
    const ranges = this.#ranges;
    await Promise.all([
      this.#charges(db, ranges.billing_records.next(heads.billing_records)),
      this.#credits(db, ranges.ledger_entries.next(heads.ledger_entries)),
      this.#rejections(db, ranges.quarantine.next(heads.quarantine)),
      this.#starts(db, ranges.events.next(heads.events)),
      this.#upgrades(db, ranges.agent_upgrade_results.next(heads.agent_upgrade_results)),
    ]);
  }

  /** Another server leads, and counts. */
  forget(): void {
    this.#ranges = noRanges();
    this.#counts = noCounts();
  }

  collect(collected: ServerSamples): void {
    const { charges, credits, rejections, starts, upgrades } = this.#counts;
    collected.addAll("charges_points_total", charges.samples());
    collected.addAll("credited_points_total", credits.samples());
    collected.addAll("usage_rejected_rows_total", rejections.samples());
    collected.distributions("environment_start_duration_seconds", starts.distributions());
    collected.addAll("upgrades_total", upgrades.samples());
  }

  async #charges(db: Connection, range: RowRange | null): Promise<void> {
    if (range !== null) addTo(this.#counts.charges, await chargedPoints(db, range), chargedLineOf);
  }

  async #credits(db: Connection, range: RowRange | null): Promise<void> {
    const { credits } = this.#counts;
    if (range !== null) addTo(credits, await creditedPoints(db, range), (one) => knownOr(CREDIT_CAUSES, one));
  }

  async #rejections(db: Connection, range: RowRange | null): Promise<void> {
    const { rejections } = this.#counts;
    if (range !== null)
      addTo(rejections, await refusedRows(db, range), (one) => knownOr(REJECTION_REASONS, one));
  }

  async #upgrades(db: Connection, range: RowRange | null): Promise<void> {
    if (range !== null) addTo(this.#counts.upgrades, await upgradeResults(db, range), (one) => one);
  }

  async #starts(db: Connection, range: RowRange | null): Promise<void> {
    if (range === null) return;
    const { starts } = this.#counts;
    for (const times of await environmentStarts(db, range))
      for (const phase of START_PHASES) {
        const seconds = times[phase];
        if (seconds !== null) starts.observe([phase], Math.max(seconds, 0));
      }
  }
}

function addTo(counter: LabelledCounter, sums: readonly Summed[], labelOf: (value: string) => string): void {
  for (const { value, sum } of sums) counter.add([labelOf(value)], sum);
}
