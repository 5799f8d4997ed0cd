/** Which cards an environment's page shows as its own. */
import { type Environment, gpusOf } from "@remotegpu/dashboard/pages/environments/one/environment";
import { expect, test } from "vitest";

test("the cards of an environment are those that it holds now, and not those of before its stop", () => {
  const reading = { utilization_percent: null, sampled_at: null };
  const gpus = [
    { uuid: "GPU-held", reading },
    { uuid: "GPU-before", reading: null },
  ];

  const held = gpusOf({ instances: [{ gpus }] } as unknown as Environment);

  expect(held.map(({ uuid }) => uuid)).toEqual(["GPU-held"]);
});
