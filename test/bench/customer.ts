/** Somebody who may order as much as a measurement needs: prices, a quota, money, and an image on offer. */
import { z } from "zod";
import type { PathClient } from "../support/http/path-client.ts";
import { STARTER_IMAGE } from "@remotegpu/control-plane/server/quickstart/starter-image";

const PRICED_LINES = ["cpu", "memory", "gpu", "temp_storage"];
const PRICE = "0.01";
const QUOTA = {
  quota_level: "custom",
  cpu_quota: 64,
  memory_quota: 65_536,
  gpu_quota: 8,
  storage_quota: 0,
  environment_quota: 64,
};
const TOP_UP = "1000";

const Customer = z.looseObject({ id: z.number() });
const ApiKey = z.looseObject({ key: z.string() });

/** @returns the customer's API key */
export async function openCustomer(admin: PathClient): Promise<string> {
  for (const line of PRICED_LINES)
    await admin.post("/prices", { spec: "default", line, unit_price: PRICE, billing_unit: "hour" });
  await admin.post("/images", { name: STARTER_IMAGE });
  const made = await admin.post("/customers", { username: "bench", email: "bench@localhost.invalid" });
  const { id } = Customer.parse(made);
  await admin.put(`/customers/${id}/quota`, QUOTA);
  await admin.post(`/customers/${id}/top-ups`, { amount: TOP_UP });
  return ApiKey.parse(await admin.post(`/customers/${id}/api-keys`, { name: "bench" })).key;
}
