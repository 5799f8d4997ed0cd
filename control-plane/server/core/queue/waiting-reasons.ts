/** What an order waits for that is no lack of room: then it may not start whatever is free. */
import type { Reason } from "../reasons/reason.ts";

/** Nothing more is known before a pass of the scheduler. */
export const WAITING_FOR_PLACE: Reason = { code: "waiting-for-place", params: {} };
export const REPLICA_WAITING_FOR_PLACE: Reason = { code: "replica-waiting-for-place", params: {} };

/** Its last placement is over once these hosts have confirmed that. */
export function stopReason(hostNames: readonly string[]): Reason {
  return {
    code: "waiting-for-stop",
    params: { host_count: hostNames.length, hosts: { names: hostNames, more: 0 } },
  };
}

/** It takes no place while it would cost more than its customer allows, and keeps none from others. */
export function priceReason(beyondMaximum: Reason): Reason {
  return { code: "waiting-for-price", params: { why: beyondMaximum } };
}

/** As the commit would say it; nothing is kept free for whoever could not pay for it. */
export function fundsReason(withoutFunds: Reason): Reason {
  return { code: "waiting-for-funds", params: { why: withoutFunds } };
}
