/** Tickets of administrators. */
import { expect, test } from "vitest";
import {
  MAX_OPEN_TICKETS,
  ticketEnd,
  ticketSetId,
} from "@remotegpu/control-plane/server/core/environments/access/ssh-ticket";
import { KeySet, MAX_SETS_OF_INSTANCE } from "@remotegpu/shared/instance/ssh-access";

test("a ticket lasts a quarter of an hour", () => {
  expect(ticketEnd(new Date("2026-03-01T10:00:00Z"))).toEqual(new Date("2026-03-01T10:15:00Z"));
});

test("its set is one that hosts take, is nobody's else, and leaves room for people", () => {
  expect(ticketSetId(43)).toBe("t-43");
  expect(KeySet.safeParse({ id: ticketSetId(Number.MAX_SAFE_INTEGER), keys: [] }).success).toBe(true);
  expect(MAX_OPEN_TICKETS).toBeLessThan(MAX_SETS_OF_INSTANCE);
});
