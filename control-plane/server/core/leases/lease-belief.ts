/**
 * Which of a host's words on its leases are believed: a number has one owner, and a lease is of the environment that
 * it was ordered for. What is not believed changes nothing.
 */
import type { ObservedLease } from "@remotegpu/shared/instance/lease";

export interface PortOwner {
  environmentId: string;
  /** Null for a port that the old system gave away. */
  leaseId: string | null;
}

/** Which lease has which number of one host: no number has two owners, no lease two numbers. */
export class PortNumbers {
  readonly #owners = new Map<number, PortOwner>();
  readonly #ofLease = new Map<string, number>();

  /** The number has no other owner. A lease that has another number gives that up. */
  take(port: number, owner: PortOwner): void {
    if (owner.leaseId !== null) {
      this.giveUp(owner.leaseId);
      this.#ofLease.set(owner.leaseId, port);
    }
    this.#owners.set(port, owner);
  }

  giveUp(leaseId: string): void {
    const port = this.#ofLease.get(leaseId);
    if (port === undefined) return;
    this.#ofLease.delete(leaseId);
    this.#owners.delete(port);
  }

  of(leaseId: string): number | null {
    return this.#ofLease.get(leaseId) ?? null;
  }

  /** The environment that has it through another lease; null where it is free or this lease's own. */
  otherOwner(port: number, leaseId: string): string | null {
    const owner = this.#owners.get(port);
    return owner === undefined || owner.leaseId === leaseId ? null : owner.environmentId;
  }
}

/** A lease that is open on the host. */
export interface OpenLease {
  environmentId: string;
  /** What the host calls that environment. */
  workloadId: string;
}

export interface BelievedLease {
  seen: ObservedLease;
  /** It was public on another number until now. */
  hasMoved: boolean;
}

/**
 * In the order in which they can be written down: what gives a number up comes before what may have taken it over.
 * `numbers` follow what is believed. Leases that are not open here are left out.
 */
export function believeLeases(
  open: ReadonlyMap<string, OpenLease>,
  leases: readonly ObservedLease[],
  numbers: PortNumbers,
): { believed: BelievedLease[]; disbelieved: string[] } {
  const doubled = doubledLeases(leases);
  const believed: BelievedLease[] = [];
  const disbelieved: string[] = [];
  for (const seen of givingUpFirst(leases, numbers)) {
    const lease = open.get(seen.leaseId);
    if (lease === undefined) continue;
    const why = disbelief(lease, seen, { numbers, doubled });
    if (why === null) believed.push(believe(lease, seen, numbers));
    else disbelieved.push(`lease ${seen.leaseId} ${why}`);
  }
  return { believed, disbelieved };
}

function givingUpFirst(leases: readonly ObservedLease[], numbers: PortNumbers): ObservedLease[] {
  const rank = ({ state, leaseId }: ObservedLease) =>
    state === "released" ? 0 : numbers.of(leaseId) === null ? 2 : 1;
  return [...leases].sort((a, b) => rank(a) - rank(b));
}

function disbelief(
  { workloadId }: OpenLease,
  seen: ObservedLease,
  { numbers, doubled }: { numbers: PortNumbers; doubled: ReadonlySet<string> },
): string | null {
  if (doubled.has(seen.leaseId)) return "is told twice, or with the number of another";
  if (seen.workloadId !== workloadId)
    return `belongs to ${workloadId} and is told as one of ${seen.workloadId}`;
  const isOnNumber = seen.state === "held" || seen.state === "conflict";
  if (isOnNumber && seen.externalPort === null) return `is ${seen.state} without a number`;
  const port = boundTo(seen);
  const owner = port === null ? null : numbers.otherOwner(port, seen.leaseId);
  return owner === null ? null : `is told with port ${port}, which is held by ${owner}`;
}

function believe({ environmentId }: OpenLease, seen: ObservedLease, numbers: PortNumbers): BelievedLease {
  const [before, port] = [numbers.of(seen.leaseId), boundTo(seen)];
  if (seen.state === "released") numbers.giveUp(seen.leaseId);
  else if (port !== null) numbers.take(port, { leaseId: seen.leaseId, environmentId });
  return { seen, hasMoved: before !== null && port !== null && before !== port };
}

/** Told twice, or bound to a number that another one is bound to. */
function doubledLeases(leases: readonly ObservedLease[]): Set<string> {
  const reported = new Set<string>();
  const onNumber = new Map<number, string>();
  const doubled = new Set<string>();
  for (const lease of leases) {
    const port = boundTo(lease);
    if (reported.has(lease.leaseId)) doubled.add(lease.leaseId);
    reported.add(lease.leaseId);
    const other = port === null ? undefined : onNumber.get(port);
    if (other !== undefined) doubled.add(other).add(lease.leaseId);
    else if (port !== null) onNumber.set(port, lease.leaseId);
  }
  return doubled;
}

function boundTo({ state, externalPort }: ObservedLease): number | null {
  return state === "held" ? externalPort : null;
}
