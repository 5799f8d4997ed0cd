/** How the agent's actions ended, by the kinds that the metrics know. What only writes something down is not among them. */
import type { Action } from "../runs/action.ts";
import { Counts } from "./counts.ts";

export const ACTION_KINDS = [
  "adopt",
  "open-gate",
  "start",
  "restart",
  "stop",
  "close-run",
  "keep-remains",
  "remove",
] as const;
export type ActionKind = (typeof ACTION_KINDS)[number];

export const ACTION_RESULTS = ["ok", "failed", "refused"] as const;
export type ActionResult = (typeof ACTION_RESULTS)[number];

/** Null where the kind is not counted. */
export function countedKind(kind: Action["kind"]): ActionKind | null {
  switch (kind) {
    case "adopt":
    case "open-gate":
    case "start":
    case "restart":
    case "stop":
    case "close-run":
    case "keep-remains":
    case "remove":
      return kind;
    case "end-unwell":
      return "stop";
    // An order that must not be followed would be a start.
    case "refuse":
      return "start";
    case "hold-stops":
    case "note-serving":
    case "note-refusal":
    case "note-holding":
    case "forget":
      return null;
  }
}

export class ActionCounts {
  readonly #byResult = {
    ok: new Counts<ActionKind>(ACTION_KINDS),
    failed: new Counts<ActionKind>(ACTION_KINDS),
    refused: new Counts<ActionKind>(ACTION_KINDS),
  } as const satisfies Record<ActionResult, Counts<ActionKind>>;

  add(kind: Action["kind"], result: ActionResult): void {
    const counted = countedKind(kind);
    if (counted !== null) this.#byResult[result].add(counted);
  }

  get all(): { kind: ActionKind; result: ActionResult; count: number }[] {
    return ACTION_RESULTS.flatMap((result) =>
      [...this.#byResult[result].all].map(([kind, count]) => ({ kind, result, count })),
    );
  }
}
