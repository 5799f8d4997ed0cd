/** What people typed, as a query or a body of the API. */
import { asTyped } from "@remotegpu/dashboard/api/as-typed";
import { expect, test } from "vitest";

interface Filters {
  name?: string;
  status?: "active" | "suspended";
  limit?: number;
  is_open?: boolean;
}

test("leaves out what is empty, and keeps what is 0 or false", () => {
  expect(asTyped<Filters>({ name: "", status: undefined, limit: 0, is_open: false })).toEqual({
    limit: 0,
    is_open: false,
  });
});

test("keeps text that is no value of the API, which names the member", () => {
  expect(asTyped<Filters>({ status: "asleep", limit: "many" })).toEqual({ status: "asleep", limit: "many" });
});
