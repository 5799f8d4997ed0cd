/** What is usually ordered, kept for a while: it changes by the day, and every pass of the scheduler weighs hosts by it. */
import { MS_PER_MINUTE } from "@remotegpu/shared/units";
import { type CountedShape, typicalShapes } from "../../core/placement/typical-shapes.ts";
import type { Connection } from "../database.ts";
import { countedShapes } from "./counted-shapes.ts";

const KEPT_MS = 5 * MS_PER_MINUTE;

export class UsualOrders {
  readonly #db: Connection;
  #kept: { shapes: readonly CountedShape[]; readAtMs: number } | null = null;

  constructor(db: Connection) {
    this.#db = db;
  }

  async at(now: Date): Promise<readonly CountedShape[]> {
    const ageMs = this.#kept === null ? Infinity : now.getTime() - this.#kept.readAtMs;
    if (this.#kept !== null && ageMs >= 0 && ageMs < KEPT_MS) return this.#kept.shapes;
    const shapes = typicalShapes(await countedShapes(this.#db, { now }));
    // While there is nothing to go by, the first orders should soon be known.
    this.#kept = shapes.length === 0 ? null : { shapes, readAtMs: now.getTime() };
    return shapes;
  }
}
