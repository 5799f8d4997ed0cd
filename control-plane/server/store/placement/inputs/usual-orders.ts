/** What is usually ordered, kept for a while: it changes by the day, and every pass of the scheduler weighs hosts by it. */
import { MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import { type CountedShape, typicalShapes } from "../../../core/placement/scoring/typical-shapes.ts";
import type { Connection } from "../../database/database.ts";
import { countedShapes } from "./counted-shapes.ts";

const RETENTION_MS = 5 * MS_PER_MINUTE;
/**
 * Every pass builds tables with a row for each CPU and a column for each share that typical shapes ask for. So many keep
 * them within milliseconds; a decision looks into them and costs the same however many there are.
 */
const MAX_TYPICAL = 256;

export class UsualOrders {
  readonly #db: Connection;
  #stored: { shapes: readonly CountedShape[]; readAtMs: number } | null = null;

  constructor(db: Connection) {
    this.#db = db;
  }

  async at(now: Date): Promise<readonly CountedShape[]> {
    const ageMs = this.#stored === null ? Infinity : now.getTime() - this.#stored.readAtMs;
    if (this.#stored !== null && ageMs >= 0 && ageMs < RETENTION_MS) return this.#stored.shapes;
    const shapes = typicalShapes(await countedShapes(this.#db, { now }), { atMost: MAX_TYPICAL });
    // While there is nothing to go by, the first orders should soon be known.
    this.#stored = shapes.length === 0 ? null : { shapes, readAtMs: now.getTime() };
    return shapes;
  }
}
