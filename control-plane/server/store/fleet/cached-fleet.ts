/**
 * The fleet, kept for a few seconds: orders and questions come by the thousand a second. The empty one changes with its
 * hosts, by the day: what it allows may be out of date, which only makes an order wait, and a refusal is given by one
 * that was read after the order came. What is free now binds nobody: placement reads for itself.
 */
import type { Connection } from "../database/database.ts";
import { type EmptyFleet, emptyFleet } from "./empty-fleet.ts";
import { type FleetNow, fleetNow } from "./fleet-now.ts";
import { Cached } from "./cached.ts";

const RETENTION_MS = 5_000;

interface Reading {
  db: Connection;
  now: () => Date;
}

/** As if nothing ran on it. */
export class CachedFleet extends Cached<EmptyFleet> {
  constructor({ db, now }: Reading) {
    super(async () => await emptyFleet(db), { now, storedMs: RETENTION_MS });
  }
}

/** With what is free of it. */
export class CachedRoom extends Cached<FleetNow> {
  constructor({ db, now }: Reading) {
    super(async (at) => await fleetNow(db, at), { now, storedMs: RETENTION_MS });
  }
}
