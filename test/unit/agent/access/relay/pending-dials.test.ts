/** Ways into containers that a relay asks for: how many at once, and what becomes of each. */
import { expect, test } from "vitest";
import {
  PendingDials,
  MAX_PENDING_DIALS,
  MAX_PENDING_DIALS_OF_ONE,
} from "@remotegpu/agent/access/relay/pending-dials";
import type { DialTarget } from "@remotegpu/agent/access/relay/relay-messages";
import { InstanceId } from "@remotegpu/shared/values/ids";

const into = (nth: number, port = 80): DialTarget => ({
  kind: "instance",
  instanceId: InstanceId.parse(`ins-${nth}`),
  port,
});

/** Of a broker that answers when it is told to. */
function opened() {
  const requested: number[] = [];
  const dials = new PendingDials<string>((dialId) => requested.push(dialId));
  return {
    dials,
    requested,
    answerAll: (answer: string | null) => {
      for (const dialId of requested.splice(0)) dials.answer(dialId, answer);
    },
  };
}

/** So many into one place, its ports in turn. */
const many = (dials: PendingDials<string>, nth: number, count: number) =>
  Array.from({ length: count }, (_, port) => dials.dial(into(nth, port + 1)));

test("each is what the broker has answered, and one that nobody requested is nobody's", async () => {
  const { dials, requested } = opened();
  const [one, other] = [dials.dial(into(1)), dials.dial(into(2))];

  expect(dials.answer(requested[1] ?? 0, "other")).toBe(true);
  expect(dials.answer(requested[0] ?? 0, null)).toBe(true);

  expect([await one, await other]).toEqual([null, "other"]);
  expect(dials.answer(requested[0] ?? 0, "late")).toBe(false);
});

test("one place has its share of those that hang, whatever its ports, and its neighbours have theirs", async () => {
  const { dials, requested, answerAll } = opened();
  const hanging = many(dials, 1, MAX_PENDING_DIALS_OF_ONE);

  expect(await dials.dial(into(1, 9_999))).toBeNull();
  expect(requested).toHaveLength(MAX_PENDING_DIALS_OF_ONE);
  const neighbour = dials.dial(into(2));
  answerAll("open");

  expect(await neighbour).toBe("open");
  expect(new Set(await Promise.all(hanging))).toEqual(new Set(["open"]));
  const again = dials.dial(into(1));
  answerAll("open");
  expect(await again).toBe("open");
});

test("no more hang than there may be of all places together", async () => {
  const { dials, requested, answerAll } = opened();
  const places = MAX_PENDING_DIALS / MAX_PENDING_DIALS_OF_ONE;
  const hanging = Array.from({ length: places }, (_, nth) =>
    many(dials, nth, MAX_PENDING_DIALS_OF_ONE),
  ).flat();

  expect(await dials.dial(into(places))).toBeNull();
  expect(requested).toHaveLength(MAX_PENDING_DIALS);

  answerAll(null);
  await Promise.all(hanging);
  const next = dials.dial(into(places));
  answerAll("open");
  expect(await next).toBe("open");
});
