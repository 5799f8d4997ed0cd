/**
 * What breaks in a fleet of three of everything, by seed: killed (kill -9), frozen (as a machine that hangs), cut (the
 * network loses every packet), wiped (without what it stored), promoted (Postgres). Each is repaired as an operator would.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { ServerName } from "../engines/nats-cluster.ts";
import { eventually } from "../eventually.ts";
import type { SeededRandom } from "./seeded-random.ts";
import { gatewayServes, leads, type Server3, type ThreeOfEverything } from "./three-of-everything.ts";

/** How soon another leads; the lease lasts 15 s. */
export const LEADER_WITHIN_MS = 20_000;
const REPLICAS = 3;

/** What a fault may do to others while it lasts. */
export interface Touched {
  /** Requests and sessions through this gateway. */
  gateway?: Server3;
  /** The meter of this host. */
  hostId?: string;
}

export interface Fault {
  name: string;
  play(fleet: ThreeOfEverything, random: SeededRandom): Promise<Touched>;
}

const lasting = (random: SeededRandom, fromMs = 500, toMs = 3_000) => pause(random.between(fromMs, toMs));

/** Killed, frozen or cut off from Postgres; resolves once it is there again. @param meanwhile has an end */
async function away(
  { program, toPostgres }: Server3,
  how: "killed" | "frozen" | "cut",
  meanwhile: () => Promise<unknown>,
): Promise<void> {
  if (how === "killed") await program.kill();
  else if (how === "frozen") program.pause();
  else for (const route of toPostgres) route.silence();
  try {
    await meanwhile();
  } finally {
    if (how === "killed") program.start();
    else if (how === "frozen") program.resume();
    else for (const route of toPostgres) route.mend();
  }
}

async function leaderOf(fleet: ThreeOfEverything): Promise<Server3> {
  return await eventually(() => fleet.leader(), { withinMs: LEADER_WITHIN_MS, what: "a leader" });
}

function leaderAway(how: "killed" | "frozen" | "cut"): Fault {
  return {
    name: `the leading control plane ${how}`,
    async play(fleet) {
      const before = await leaderOf(fleet);
      const others = fleet.controlPlanes.filter((one) => one !== before);
      await away(before, how, () =>
        eventually(async () => (await Promise.all(others.map(leads))).includes(true), {
          withinMs: LEADER_WITHIN_MS,
          what: "another leader",
        }),
      );
      return {};
    },
  };
}

function replicaAway(how: "killed" | "frozen" | "cut"): Fault {
  return {
    name: `a control plane that does not lead ${how}`,
    async play(fleet, random) {
      const leader = await leaderOf(fleet);
      const one = random.oneOf(fleet.controlPlanes.filter((server) => server !== leader));
      await away(one, how, () => lasting(random));
      return {};
    },
  };
}

type NatsRole = "the NATS server that leads the stream" | "a NATS server that follows";

/** @throws while the stream has no leader, or not all its replicas */
async function natsServer(fleet: ThreeOfEverything, role: NatsRole): Promise<ServerName> {
  return await eventually(
    async () => {
      const leader = await fleet.streamLeader();
      const others = fleet.nats.running.filter((name) => name !== leader);
      return role.startsWith("a NATS") ? others[0] : leader;
    },
    { what: role },
  );
}

function natsAway(role: NatsRole, how: "killed" | "frozen" | "wiped"): Fault {
  return {
    name: `${role} ${how}`,
    async play(fleet, random) {
      const name = await natsServer(fleet, role);
      if (how === "frozen") {
        fleet.nats.freeze(name);
        await lasting(random);
        fleet.nats.thaw(name);
        return {};
      }
      await fleet.nats.kill(name);
      await lasting(random);
      if (how === "wiped") fleet.nats.wipe(name);
      await fleet.nats.start([name]);
      return {};
    },
  };
}

const mostNatsKilled: Fault = {
  name: "two of three NATS servers killed",
  async play(fleet, random) {
    const names = random.shuffled(fleet.nats.running).slice(0, REPLICAS - 1);
    await fleet.nats.kill(...names);
    await lasting(random, 2_000, 5_000);
    await fleet.nats.start(names);
    return {};
  },
};

const allNatsWiped: Fault = {
  name: "all NATS servers wiped",
  async play(fleet, random) {
    const names = [...fleet.nats.running];
    await fleet.nats.kill(...names);
    await lasting(random);
    for (const name of names) fleet.nats.wipe(name);
    await fleet.nats.start(names);
    return {};
  },
};

function primaryAway(how: "killed" | "frozen"): Fault {
  return {
    name: `the Postgres primary ${how}, its standby promoted`,
    async play(fleet, random) {
      const { server } = fleet.postgres.primary;
      if (how === "killed") await server.kill();
      else server.freeze();
      await lasting(random, 500, 1_500);
      await fleet.postgres.promote();
      await fleet.postgres.alone();
      await lasting(random, 500, 2_000);
      if (how === "frozen") server.thaw();
      await lasting(random, 500, 1_500);
      await fleet.postgres.rebuildStandby();
      await fleet.postgres.paired();
      return {};
    },
  };
}

function standbyAway(how: "killed" | "frozen"): Fault {
  return {
    name: `the Postgres standby ${how}`,
    async play(fleet, random) {
      const { server } = fleet.postgres.standby;
      if (how === "killed") await server.kill();
      else server.freeze();
      await lasting(random, 500, 1_500);
      await fleet.postgres.alone();
      await lasting(random, 500, 2_000);
      if (how === "killed") await server.start();
      else server.thaw();
      await fleet.postgres.paired();
      return {};
    },
  };
}

function poolerAway(how: "killed" | "frozen"): Fault {
  return {
    name: `the PgBouncer before the primary ${how}`,
    async play(fleet, random) {
      const { pooler } = fleet.postgres.primary;
      if (how === "killed") await pooler.kill();
      else pooler.pause();
      await lasting(random);
      if (how === "killed") pooler.start();
      else pooler.resume();
      return {};
    },
  };
}

function gatewayAway(how: "killed" | "frozen" | "cut"): Fault {
  return {
    name: `a gateway ${how}`,
    async play(fleet, random) {
      const gateway = random.oneOf(fleet.gateways);
      await away(gateway, how, () => lasting(random));
      await gatewayServes(gateway);
      // One that is cut off from Postgres serves by what it knows.
      return how === "cut" ? {} : { gateway };
    },
  };
}

function agentAway(how: "killed" | "frozen" | "cut"): Fault {
  return {
    name: `an agent ${how}`,
    async play(fleet, random) {
      const { agent, id, toNats } = random.oneOf(fleet.hosts);
      if (how === "killed") await agent.kill();
      else if (how === "frozen") agent.pause();
      else for (const route of toNats) route.silence();
      await lasting(random);
      if (how === "killed") agent.start();
      else if (how === "frozen") agent.resume();
      else for (const route of toNats) route.mend();
      return { hostId: id };
    },
  };
}

export const FAULTS: readonly Fault[] = [
  ...(["killed", "frozen", "cut"] as const).flatMap((how) => [
    leaderAway(how),
    replicaAway(how),
    gatewayAway(how),
    agentAway(how),
  ]),
  ...(["killed", "frozen", "wiped"] as const).flatMap((how) => [
    natsAway("the NATS server that leads the stream", how),
    natsAway("a NATS server that follows", how),
  ]),
  mostNatsKilled,
  allNatsWiped,
  ...(["killed", "frozen"] as const).flatMap((how) => [primaryAway(how), standbyAway(how), poolerAway(how)]),
];
