/**
 * Which of several Postgres servers is the primary. A promotion begins a timeline, so a former primary that comes back is
 * known by a lower one: it takes changes as before, and all of them are lost.
 */

/** What a server said of itself. */
export type ServerState = { kind: "primary"; timeline: Timeline } | { kind: "standby" } | { kind: "silent" };

/** Timelines of one system, which initdb makes, are counted together. */
export interface Timeline {
  system: string;
  number: number;
}

export interface SeenServer {
  place: string;
  state: ServerState;
}

export interface KnownPrimary {
  /** The highest that was seen. */
  timeline: Timeline | null;
  /** The one that is connected to. */
  place: string | null;
}

/** Null where none is one, or a former one alone. */
export function choosePrimary(servers: readonly SeenServer[], known: KnownPrimary): SeenServer | null {
  const candidates = servers
    .flatMap((server) => {
      if (server.state.kind !== "primary" || isFormer(server.state.timeline, known.timeline)) return [];
      return [{ server, timeline: server.state.timeline }];
    })
    .sort(
      (a, b) =>
        rankOf(b.timeline, known.timeline) - rankOf(a.timeline, known.timeline) ||
        b.timeline.number - a.timeline.number ||
        Number(b.server.place === known.place) - Number(a.server.place === known.place),
    );
  return candidates[0]?.server ?? null;
}

/** The system that is known goes before another one: that is a restored database, or a stranger. */
function rankOf({ system }: Timeline, known: Timeline | null): number {
  return known === null || system === known.system ? 1 : 0;
}

function isFormer({ system, number }: Timeline, known: Timeline | null): boolean {
  return known !== null && system === known.system && number < known.number;
}

/** `db1:5432 (standby), db2:5432 (does not answer)`. */
export function describeServers(servers: readonly SeenServer[], known: Timeline | null): string {
  return servers.map(({ place, state }) => `${place} (${describe(state, known)})`).join(", ");
}

function describe(state: ServerState, known: Timeline | null): string {
  switch (state.kind) {
    case "standby":
      return "standby";
    case "silent":
      return "does not answer";
    case "primary":
      return isFormer(state.timeline, known)
        ? `former primary, timeline ${state.timeline.number} before ${known?.number ?? 0}`
        : `primary, timeline ${state.timeline.number}`;
  }
}
