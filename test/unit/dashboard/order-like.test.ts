import { orderLike } from "@remotegpu/dashboard/pages/training/order/order-like";
import { expect, test } from "vitest";

test("a job that is ordered once more has the values that are known, and none in place of those that are hidden", () => {
  const job = { name: "a", env_vars: { EPOCHS: "3", TOKEN: { sealed: true } } };

  const order = orderLike(job as unknown as Parameters<typeof orderLike>[0]);

  expect(order).toMatchObject({ name: "a", env_vars: { EPOCHS: "3" } });
  expect(JSON.stringify(order)).not.toContain("TOKEN");
});
