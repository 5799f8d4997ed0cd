/** Writes down what this gateway has of services, for whoever drains replicas or makes more of them. */
import type { Log } from "@remotegpu/shared/log";
import type { RoutesReport } from "../../server/core/gateway/services/gateway-report.ts";
import type { Database } from "../../server/store/database/database.ts";
import { writeReport } from "../../server/store/gateway/reports.ts";

export class Reporting {
  readonly #deps: { db: Database; id: string; log: Log };
  #isAway = false;

  constructor(deps: { db: Database; id: string; log: Log }) {
    this.#deps = deps;
  }

  /** What cannot be written now is told by the next report. */
  async report(report: RoutesReport): Promise<void> {
    const { db, id, log } = this.#deps;
    try {
      await writeReport(db, id, report);
      this.#isAway = false;
    } catch (error) {
      if (!this.#isAway) log.warn({ error }, "this gateway's report of services could not be sent");
      this.#isAway = true;
    }
  }
}
