/**
 * Cuts a desired set into the pages that hosts ask for one by one. Key sets go with the instances: each stands right
 * before the first instance that it opens, so on its page or an earlier one, however many there are.
 */
import type { DesiredInstance } from "@remotegpu/shared/instance/instance";
import { pagesOf } from "@remotegpu/shared/messages/paging";
import type { PullReply } from "@remotegpu/shared/messages/protocol";
import type { KeySet } from "@remotegpu/shared/instance/ssh-access";
import type { DesiredSet } from "./host-requests.ts";

type Item = { keySet: KeySet } | { instance: DesiredInstance };

/** A page beyond the last (the set has shrunk) answers the first, which tells the host to start over. */
export function pageOf(
  { instances, keySets = [], leases, fetches, cuts, gateways, ...desired }: DesiredSet,
  page: number,
): PullReply {
  const pages = pagesOf(inOrder(instances, keySets));
  const number = page < pages.length ? page : 0;
  const items = pages[number] ?? [];
  const setsHere = items.flatMap((item) => ("keySet" in item ? [item.keySet] : []));
  return {
    kind: "pull-reply",
    ...desired,
    page: number,
    pages: pages.length,
    instances: items.flatMap((item) => ("instance" in item ? [item.instance] : [])),
    ...(setsHere.length > 0 && { keySets: setsHere }),
    ...(number === 0 && leases !== undefined && { leases }),
    ...(number === 0 && fetches !== undefined && { fetches }),
    ...(number === 0 && cuts !== undefined && { cuts }),
    ...(number === 0 && gateways !== undefined && { gateways }),
  };
}

function inOrder(instances: readonly DesiredInstance[], keySets: readonly KeySet[]): Item[] {
  const waiting = new Map(keySets.map((keySet) => [keySet.id, keySet]));
  return instances.flatMap((instance): Item[] => {
    const sets = (instance.live.ssh?.keySets ?? []).flatMap((id) => waiting.get(id) ?? []);
    for (const { id } of sets) waiting.delete(id);
    return [...sets.map((keySet) => ({ keySet })), { instance }];
  });
}
