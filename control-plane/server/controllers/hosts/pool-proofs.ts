/**
 * One pass over shared storage pools: members that are due prove by files that they see the pool's tree. It runs in every
 * server that reaches hosts, whichever leads; of each pool one round at a time.
 */
import { POOL_PROOF_FEATURE } from "../../core/hosts/pools/pool-membership.ts";
import {
  afterVerdict,
  isRoundDue,
  membersOfRound,
  poolRound,
  type Verdict,
} from "../../core/hosts/pools/pool-round.ts";
import type { Reason } from "../../core/reasons/reason.ts";
import type { Database } from "../../store/database/database.ts";
import { transaction } from "../../store/database/transaction.ts";
import {
  beginRound,
  type PoolMember,
  recordProof,
  sharedPools,
} from "../../store/hosts/pools/pool-rounds.ts";
import { type PairDeps, provePair } from "./pool-pair.ts";

/** A hostile host makes its own pool's round last, and those of a few others wait. */
const ROUNDS_AT_ONCE = 8;

export interface PoolProofsDeps extends PairDeps {
  db: Database;
  now: () => Date;
}

/** True where a host is used from now on, or no longer: the scheduler should look. */
export async function poolProofsPass(deps: PoolProofsDeps): Promise<boolean> {
  const nowMs = deps.now().getTime();
  const pools = [...(await sharedPools(deps.db)).values()].map((members) =>
    membersOfRound(members, { isReached, nowMs }),
  );
  const due = pools.filter(
    (members) => members.length > 1 && isRoundDue(members, members.filter(canProve), nowMs),
  );
  const changed: boolean[] = [];
  const next = due.values();
  const work = async (): Promise<void> => {
    for (const members of next) changed.push(await round(deps, members));
  };
  await Promise.all(Array.from({ length: ROUNDS_AT_ONCE }, work));
  return changed.includes(true);
}

const isReached = ({ isConnected, hasGatewayPort }: PoolMember) => isConnected && hasGatewayPort;

/** A new member is left alone until gateways can reach it: a first round that it misses costs it more than a minute. */
function canProve(member: PoolMember): boolean {
  const isReachable = member.state === "waiting" ? isReached(member) : member.isConnected;
  return isReachable && member.features.includes(POOL_PROOF_FEATURE);
}

async function round(deps: PoolProofsDeps, members: readonly PoolMember[]): Promise<boolean> {
  const { db } = deps;
  const begunAt = deps.now();
  if (!(await transaction(db, (sql) => beginRound(sql, { members, now: begunAt })))) return false;
  const verdicts = await verdictsOf(deps, members);
  const now = deps.now();
  return await transaction(db, async (sql) => {
    let isChanged = false;
    // In the order of their ids, as rows of hosts are locked everywhere.
    for (const verdict of verdicts) {
      const member = members.find(({ id }) => id === verdict.member.id);
      if (member === undefined) continue;
      const change = afterVerdict(verdict, now.getTime());
      if (await recordProof(sql, { member, change, begunAt, now })) isChanged = true;
    }
    return isChanged;
  });
}

async function verdictsOf(deps: PoolProofsDeps, members: readonly PoolMember[]): Promise<Verdict[]> {
  const proving = poolRound(members.filter(canProve));
  let step = proving.next();
  while (step.done !== true) step = proving.next(await provePair(deps, step.value));
  const tried = new Map(step.value.map((verdict) => [verdict.member.id, verdict]));
  // Where nobody proved anything, it may be this server that reaches none of them.
  const hasAuditScope = step.value.some(({ kind }) => kind === "proved");
  return members.map(
    (member) =>
      tried.get(member.id) ?? {
        member,
        kind: "missed",
        detail: absenceOf(member),
        hasAuditScope,
      },
  );
}

function absenceOf({ name, isConnected, features }: PoolMember): Reason {
  const params = { host_name: name };
  if (!isConnected) return { code: "pool-host-disconnected", params };
  return {
    code: features.includes(POOL_PROOF_FEATURE) ? "pool-host-without-port" : "pool-host-agent-too-old",
    params,
  };
}
