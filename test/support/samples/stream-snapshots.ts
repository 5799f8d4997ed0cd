/** A look at nothing, one card, and people, as streams know them. */
import type {
  CardReading,
  FleetSnapshot,
  Snapshot,
  Stamp,
} from "@remotegpu/control-plane/server/core/stream/snapshot";
import type { Owner, Sight } from "@remotegpu/control-plane/server/core/stream/topics";

export const ADA: Sight = {
  isAdmin: false,
  customerId: 1,
  scopes: new Set(["read", "money"]),
  workspaceIds: new Set(),
  payerIds: new Set([1]),
};
export const ADMIN: Sight = { ...ADA, isAdmin: true, customerId: 9 };
export const OF_ADA: Owner = { customerId: 1, workspaceId: null };
export const OF_BOB: Owner = { customerId: 2, workspaceId: null };

const NEVER = { noted: 0, written: 0 };
export const EMPTY: Snapshot = {
  isBeyondBounds: false,
  workloads: new Map(),
  accounts: new Map(),
  notedHosts: new Map(),
  queue: NEVER,
  alarmStamp: "0 0",
  fleet: null,
  costs: null,
};

export function card(uuid: string, change: Partial<CardReading> = {}): CardReading {
  return {
    uuid,
    hostId: "h",
    utilizationPercent: 1,
    memoryUsedMib: 2,
    temperatureC: 3,
    powerW: "4",
    sampledMs: 0,
    state: "well",
    holders: new Map(),
    ...change,
  };
}

export const fleet = (...cards: CardReading[]): FleetSnapshot => ({
  hosts: new Map([["h", "up"]]),
  cards: new Map(cards.map((one) => [one.uuid, one])),
});

export const marked = (stamp: Stamp, owner = OF_ADA): Snapshot => ({
  ...EMPTY,
  workloads: new Map([["env:e", { stamp, ...owner }]]),
});
