/** What an order waits for that is no lack of room, in words. */
import {
  fundsReason,
  priceReason,
  REPLICA_WAITING_FOR_PLACE,
  stopReason,
  WAITING_FOR_PLACE,
} from "@remotegpu/control-plane/server/core/queue/waiting-reasons";
import { inEnglish } from "@remotegpu/control-plane/server/core/reasons/english/english";
import { expect, test } from "vitest";

test.each([
  [WAITING_FOR_PLACE, "Waiting for a place."],
  [REPLICA_WAITING_FOR_PLACE, "A replica waits for a place."],
  [stopReason(["a"]), "Waiting for host a to confirm that the container of the last start has stopped."],
  [
    stopReason(["a", "b"]),
    "Waiting for hosts a, b to confirm that the container of the last start has stopped.",
  ],
  [
    priceReason({ code: "hour-beyond-maximum", params: { hourly: "2", maximum: "1" } }),
    "Waiting for price: an hour of it costs 2, and its maximum is 1.",
  ],
  [
    fundsReason({ code: "balance-not-positive", params: {} }),
    "Waiting for funds: the balance is not above zero.",
  ],
])("%j is worded %j", (reason, text) => {
  expect(inEnglish(reason)).toBe(text);
});
