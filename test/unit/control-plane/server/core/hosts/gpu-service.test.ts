/** Whether a card is in service: the host's word against an administrator's. */
import { expect, test } from "vitest";
import {
  afterHostReport,
  type CardService,
  type HostCordon,
} from "@remotegpu/control-plane/server/core/hosts/gpu-service";

const FREE: CardService = { isCordoned: false, isByHost: false, reason: null, liftedSinceMs: null };
const BY_HOST: CardService = { ...FREE, isCordoned: true, isByHost: true, reason: "Xid 79" };
const BY_ADMIN: CardService = { ...FREE, isCordoned: true, reason: "a fan is loud" };
const at = (sinceMs: number): HostCordon => ({ kind: "fatal", sinceMs });

test.each([
  ["a card that is well stays", FREE, null, { kind: "stays" }],
  ["a host's cordon counts", FREE, at(5), { kind: "cordons", reason: "Xid 79" }],
  ["said again it changes nothing", BY_HOST, at(5), { kind: "stays" }],
  [
    "with another sentence it is explained anew",
    { ...BY_HOST, reason: "old" },
    at(5),
    { kind: "explains", reason: "Xid 79" },
  ],
  ["it goes with the host's word", BY_HOST, null, { kind: "uncordons" }],
  ["an administrator's never does", BY_ADMIN, null, { kind: "stays" }],
  ["and keeps its own reason", BY_ADMIN, at(5), { kind: "stays" }],
  [
    "what an administrator lifted is reported back",
    { ...FREE, liftedSinceMs: 5 },
    at(5),
    { kind: "tells-lift", sinceMs: 5 },
  ],
  ["a later one counts again", { ...FREE, liftedSinceMs: 5 }, at(6), { kind: "cordons", reason: "Xid 79" }],
  [
    "an administrator's cordon after his own lift stays, and the host still hears of the lift",
    { ...BY_ADMIN, liftedSinceMs: 5 },
    at(5),
    { kind: "tells-lift", sinceMs: 5 },
  ],
] as [string, CardService, HostCordon | null, object][])("%s", (_what, card, cordon, change) => {
  expect(afterHostReport(card, { cordon, reason: cordon === null ? null : "Xid 79" })).toEqual(change);
});
