/**
 * What an agent is told that speaks only protocol 1. It reads its whole set at once, so that one order that it does not
 * understand would keep it from all others: such an order is never among them. What protocol 2 adds as further members it
 * leaves aside by itself.
 */
import { featuresFor, PLAIN_STOP_GRACE_SECONDS } from "@remotegpu/shared/instance/features";
import type { DesiredInstance } from "@remotegpu/shared/instance/instance";

const FIRST_OF_ITS_OWN_FORM = 2;
/** For an order to end something, which no network is made for. */
const ANY_NETWORK = "ws-0";

/** @param protocolMax the last protocol that the host's agent speaks; null where it was never heard */
export function ordersFor(protocolMax: number | null, orders: readonly DesiredInstance[]): DesiredInstance[] {
  if (protocolMax === null || protocolMax >= FIRST_OF_ITS_OWN_FORM) return [...orders];
  return orders.flatMap((order) => inProtocolOne(order) ?? []);
}

/** Null for an order to run something that it could not: withheld, it leaves alone whatever is there. */
function inProtocolOne(order: DesiredInstance): DesiredInstance | null {
  const { live, spec, want } = order;
  const stopGraceSeconds = Math.min(live.stopGraceSeconds, PLAIN_STOP_GRACE_SECONDS);
  const bounded = { ...order, live: { ...live, stopGraceSeconds } };
  if (want !== "running")
    return typeof spec.network === "string"
      ? bounded
      : { ...bounded, spec: { ...spec, network: ANY_NETWORK } };
  return featuresFor(bounded).length === 0 ? bounded : null;
}
