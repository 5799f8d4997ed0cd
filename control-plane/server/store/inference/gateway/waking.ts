/** That a request came to a service that sleeps: a wish like others, which makes its number one. */
import { isWanted } from "../../../core/inference/wanted-replicas.ts";
import type { Transaction } from "../../database/database.ts";
import { isScaledByItself, lockServiceOrders } from "../service-orders.ts";
import { noteScaled } from "../scalings.ts";
import { changeReplicaRequests } from "../replica-requests.ts";

/** True where it slept and is woken by this. One that is stopped, or whose number is left to people, is not. */
export async function wakeService(sql: Transaction, id: string, now: Date): Promise<boolean> {
  const service = (await lockServiceOrders(sql, [id])).get(id);
  if (service === undefined || service.replicas > 0) return false;
  if (!isWanted(service.status) || !isScaledByItself(service)) return false;
  const to = await changeReplicaRequests(sql, id, { woken_at: now });
  await noteScaled(sql, {
    service: { id, customerId: service.customer_id },
    from: 0,
    to,
    why: { code: "woken-by-request", params: {} },
    actor: "gateway",
    now,
  });
  return true;
}
