/**
 * Which orders wait longest of their payer and of their workspace, and which starts of a pass were the turn of those: a start
 * that is none takes nothing of the waiting of the one that waits on (fair-share.ts). An order that may not start, or that
 * no host could ever take, waits for nothing that a start gives: it is nobody's oldest, however long it lies there.
 */
import { byId } from "../placement/fleet/fleet.ts";
import type { Oldest, Sharing } from "./fair-share.ts";

/** Whether a start was that of what waited longest of its payer, and of its workspace. */
export interface Turn {
  isPayers: boolean;
  isWorkspaces: boolean;
}

type By = "payer" | "workspace";

/** Whether no host could take it, were the whole fleet free. */
export type NeverFits<Order> = (order: Order) => boolean;

const ALL_FIT = (): boolean => false;

export function oldestOf<Order extends Sharing>(
  waiting: Iterable<Order>,
  neverFits: NeverFits<Order> = ALL_FIT,
): Oldest {
  const oldest = { payer: new Map<string, Sharing>(), workspace: new Map<string, Sharing>() };
  const neverFit = new Set<string>();
  for (const one of waiting) {
    if (neverFits(one)) neverFit.add(one.id);
    if (!mayStart(one) || neverFit.has(one.id)) continue;
    for (const by of ["payer", "workspace"] as const) {
      const known = oldest[by].get(one[by]);
      if (known === undefined || byAge(one, known) < 0) oldest[by].set(one[by], one);
    }
  }
  return { ofPayers: idsOf(oldest.payer), ofWorkspaces: idsOf(oldest.workspace), neverFit };
}

/**
 * Of each start of a pass, in their order.
 * @param waiting all that waited before it, the started ones among them
 */
export function turnsOf<Order extends Sharing>(
  started: readonly Order[],
  waiting: readonly Order[],
  neverFits: NeverFits<Order> = ALL_FIT,
): Turn[] {
  const line = waiting.filter((order) => mayStart(order) && !neverFits(order));
  const isPayers = firsts(started, line, "payer");
  const isWorkspaces = firsts(started, line, "workspace");
  return started.map((order) => ({ isPayers: isPayers.has(order), isWorkspaces: isWorkspaces.has(order) }));
}

/** Those of the started before which none of the same waited that had not started by then. */
function firsts<Order extends Sharing>(
  started: readonly Order[],
  waiting: readonly Order[],
  by: By,
): Set<Order> {
  const concerned = new Set(started.map((order) => order[by]));
  const lines = Map.groupBy(
    waiting.filter((order) => concerned.has(order[by])),
    (order) => order[by],
  );
  for (const line of lines.values()) line.sort((a, b) => byAge(b, a));
  const gone = new Set<Order>();
  const found = new Set<Order>();
  for (const order of started) {
    const line = lines.get(order[by]) ?? [];
    for (let oldest = line.at(-1); oldest !== undefined && gone.has(oldest); oldest = line.at(-1)) line.pop();
    if (line.at(-1) === order) found.add(order);
    gone.add(order);
  }
  return found;
}

function mayStart({ heldBack }: Sharing): boolean {
  return (heldBack ?? null) === null;
}

function byAge(a: Sharing, b: Sharing): number {
  return a.orderedAtMs - b.orderedAtMs || byId(a, b);
}

function idsOf(oldest: ReadonlyMap<string, Sharing>): Set<string> {
  return new Set([...oldest.values()].map(({ id }) => id));
}
