/**
 * Two gateways as processes of their own, real containers, and clients that ask without a pause while replicas come, go and
 * change version, and while what a service stands on goes away: a gateway, Postgres, an agent, a whole host. Nothing fails
 * but what was in flight on what was killed.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { execa } from "execa";
import type { Row } from "../support/http/path-client.ts";
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";
import { docker } from "../support/containers/docker.ts";
import { TestRegistry } from "../support/containers/images/registry.ts";
import { eventually } from "../support/eventually.ts";
import type { LoadReport, ServiceLoad } from "../support/load/service-load.ts";
import type { HostProcess } from "../support/worlds/house.ts";
import {
  inFlightAtKill,
  inRounds,
  LOAD,
  type LoadedService,
  LoadedWorld,
  ROUNDS,
  STORY_MS,
  WITHIN,
} from "../support/worlds/services/loaded-service.ts";

const REPLICAS = 2;
/** A replica that is killed again and again is given long pauses: after so many kills, of one or the other, both are new. */
const KILLS_OF_A_VERSION = 4;
/** Gateways ask again for keys and routes meanwhile. */
const AWAY_SECONDS = 3;
/** A gateway writes down what it counted every five, and a busy one is late. */
const UNCOUNTED_SECONDS = 6;
/** At a replica that all streams may have come to, with the short ones of a twentieth of a second. */
const IN_FLIGHT = LOAD.streams + LOAD.perSecond / 20;
const IS_SHORT = ROUNDS === 1;
const STORY = { timeout: ROUNDS * STORY_MS };
/** How long a replica may take until it is ready the first time, and how soon after that its version is taken back. */
const DEADLINE_SECONDS = 600;
const TAKEN_BACK_SECONDS = 60;

let world: LoadedWorld;
let service: LoadedService;
/** Whose versions change. */
let versioned: LoadedService;
let registry: TestRegistry;

const ending = new AsyncDisposableStack();
beforeAll(async () => {
  world = ending.use(await LoadedWorld.begin());
  registry = ending.adopt(await TestRegistry.start(), (one) => one.close());
  await world.house.admin.put("/settings/IMAGE_REGISTRIES", { value: `${registry.address}=private` });
  [service, versioned] = await Promise.all([world.service("chat", 1), world.service("versioned", 1)]);
}, STORY_MS);
afterAll(() => ending.disposeAsync());

// Side by side: most of a rollout is the time for which the first of a version has to be trusted. But one after another where
// each has so much load that clients and replicas of all together would want more than two cores.
const sideBySide = IS_SHORT ? describe.concurrent : describe;
sideBySide("no request fails and no stream is cut off", () => {
  test("from one replica to five and back", STORY, async () => {
    const reported = await service.underLoad({ streamSeconds: 5 }, async (load) => {
      await service.scale(5);
      await service.settled(5);
      await load.answers(LOAD.perSecond);
      await service.scale(1);
      await eventually(
        async () => {
          const { instances } = await service.visible();
          return instances.filter(({ draining_since: since }) => since !== null).length === 4;
        },
        { ...WITHIN, what: "four replicas that drain" },
      );
      await service.settled(1);
      await load.answers(LOAD.perSecond);
    });

    expect(reported).toMatchObject({ failed: 0, again: 0, failures: [] });
  });

  test(
    "on the way to an image that no registry has, which is taken back, to another version and back",
    STORY,
    async () => {
      const image = `${registry.address}/nobody/has-this:1`;
      const goesTo = async (change: Row, outcome: string) => {
        await versioned.upgrade(change);
        await eventually(async () => (await versioned.rollout()).outcome === outcome, {
          ...WITHIN,
          what: `an upgrade that is ${outcome}`,
        });
      };

      const reported = await versioned.underLoad({ streamSeconds: 3 }, async (load) => {
        await goesTo({ version: "lost", image }, "reverted");
        expect((await versioned.rollout()).cause).toContain("There is no such image.");
        expect((await versioned.visible()).version).toBe("1");
        await versioned.settled(1);
        await goesTo({ version: "2", env_vars: { NEW: "1" } }, "completed");
        expect((await versioned.visible()).version).toBe("2");
        // While what it had before still drains.
        await versioned.rollback();
        await eventually(async () => (await versioned.visible()).version === "1", {
          ...WITHIN,
          what: "the version before",
        });
        await versioned.settled(1);
        await load.answers(LOAD.perSecond);
      });

      expect(reported).toMatchObject({ failed: 0, again: 0, failures: [] });
    },
  );

  test.skipIf(IS_SHORT)(
    "on the way to a version that never serves, which is taken back within a minute of its deadline",
    STORY,
    async () => {
      const broken = await world.service("broken", 1);
      let secondsTaken = 0;

      const reported = await broken.underLoad({ streamSeconds: 3, rounds: 1 }, async () => {
        for (const [version, command] of [
          ["ends", "exit 3"],
          ["is-silent", "exec sleep 100000"],
        ] as const) {
          await broken.upgrade({ version, config: { command } });
          await eventually(async () => (await broken.rollout()).outcome === "reverted", {
            withinMs: 2 * DEADLINE_SECONDS * MS_PER_SECOND,
            what: `the end of version ${version}`,
          });
          const { began_at: began, ended_at: ended, cause } = await broken.rollout();
          secondsTaken = (Date.parse(String(ended)) - Date.parse(String(began))) / MS_PER_SECOND;
          console.log(`version ${version} was taken back after ${secondsTaken} s: ${String(cause)}`);
          expect((await broken.visible()).version).toBe("1");
          await broken.settled(1);
        }
      });

      await broken.delete();
      expect(reported).toMatchObject({ failed: 0, again: 0, failures: [] });
      expect(secondsTaken).toBeGreaterThanOrEqual(DEADLINE_SECONDS);
      expect(secondsTaken).toBeLessThanOrEqual(DEADLINE_SECONDS + TAKEN_BACK_SECONDS);
    },
  );
});

describe("of a service with two replicas", () => {
  /** Goes on from story to story. */
  let load: ServiceLoad;
  let reportedOf = 0;

  beforeAll(async () => {
    await versioned.delete();
    await service.scale(REPLICAS);
    await service.settled(REPLICAS);
    // A gateway that ends gives answers five seconds, and a connection that had one may be asked for another meanwhile.
    load = ending.use(await service.loaded({ streamSeconds: 2 }));
  }, STORY_MS);

  /** What failed meanwhile, and how much was asked once more. */
  async function during(story: () => Promise<void>): Promise<Pick<LoadReport, "failures" | "again">> {
    const before = load.reported;
    await inRounds(story);
    const { failures, failed, again } = load.reported;
    reportedOf += failed - before.failed;
    return { failures: failures.slice(before.failed), again: again - before.again };
  }

  test("a replica that is killed takes with it only what was in flight there", STORY, async () => {
    let kills = 0;
    await during(async () => {
      if (kills > 0 && kills % KILLS_OF_A_VERSION === 0) await renewed(load, `after-${kills}-kills`);
      const killed = (await service.visible()).instances[kills % REPLICAS];
      kills += 1;
      const container = docker.getContainer(killed?.container_id ?? "");
      const begun = async () => {
        const { State } = await container.inspect();
        return State.Running && State.StartedAt;
      };
      const before = await begun();
      const failures = await inFlightAtKill(load, {
        kill: () => execa("docker", ["kill", killed?.container_id ?? ""]),
        recover: async () => {
          await eventually(
            async () => {
              const again = await begun();
              return again !== before && again;
            },
            { ...WITHIN, what: "its container, started again" },
          );
          await service.settled(REPLICAS);
        },
      });

      expect(failures.length).toBeLessThanOrEqual(IN_FLIGHT);
    });
  });

  test(
    "a gateway that is restarted in order ends what it answers, and whoever finds it closed is answered by the other",
    STORY,
    async () => {
      const [restarted] = world.pair.gateways;

      const { failures } = await during(async () => {
        await restarted?.program.stop();
        await load.answers(LOAD.perSecond);
        await world.pair.startAgain(0);
        await load.answersAt(restarted?.port ?? 0, LOAD.perSecond);
      });

      expect(failures).toEqual([]);
    },
  );

  test("without Postgres for a while nothing fails", STORY, async () => {
    const { failures, again } = await during(async () => {
      world.postgres.cut();
      await load.answers(AWAY_SECONDS * LOAD.perSecond);
      expect(await world.house.answers("/readyz")).toBe(false);
      world.postgres.mend();
      await world.house.serves();
      await service.settled(REPLICAS);
      await load.answers(LOAD.perSecond);
    });

    expect({ failures, again }).toEqual({ failures: [], again: 0 });
  });

  test("an agent that is killed takes nothing with it", STORY, async () => {
    const { agent, id } = hostOf(0);
    const before = await world.house.containersOf(id);
    expect(before).toHaveLength(1);

    const { failures, again } = await during(async () => {
      await agent.kill();
      await load.answers(2 * LOAD.perSecond);
      await backAgain(hostOf(0));
      await load.answers(LOAD.perSecond);
    });

    expect({ failures, again }).toEqual({ failures: [], again: 0 });
    expect(await world.house.containersOf(id)).toEqual(before);
  });

  test(
    "an agent that is killed with its access process takes with it only what went through that",
    STORY,
    async () => {
      const { agent, access, id } = hostOf(0);
      const before = await world.house.containersOf(id);

      await during(async () => {
        await service.hasStreamsAt(id);
        const failures = await inFlightAtKill(load, {
          kill: async () => {
            await Promise.all([agent.kill(), access.killWithChildren()]);
          },
          recover: async () => {
            access.start();
            await backAgain(hostOf(0));
          },
        });

        expect(failures.length).toBeGreaterThan(0);
        expect(failures.length).toBeLessThanOrEqual(IN_FLIGHT);
      });

      expect(await world.house.containersOf(id)).toEqual(before);
    },
  );

  test(
    "a whole host that is killed takes with it only what was in flight there, and serves again once it is back",
    STORY,
    async () => {
      let kills = 0;
      await during(async () => {
        // What is killed again and again is given longer and longer pauses.
        if (kills > 0) await spreadAnew();
        kills += 1;
        const host = await hostOfNewest();
        // The other one, too, may have been killed just now, and gateways have to find the way to it again.
        for (const { id } of world.house.hosts) await service.hasStreamsAt(id);
        const failures = await inFlightAtKill(load, {
          kill: async () => {
            await Promise.all([host.agent.kill(), host.access.killWithChildren(), killContainers(host)]);
          },
          recover: async () => {
            host.access.start();
            await backAgain(host);
            await eventually(async () => (await world.house.containersOf(host.id)).length === 1, {
              ...WITHIN,
              what: "a replica on that host again",
            });
            await service.settled(REPLICAS);
          },
        });

        expect(failures.length).toBeGreaterThan(0);
        expect(failures.length).toBeLessThanOrEqual(IN_FLIGHT);
      });
    },
  );

  test("nothing has failed that was not told of", STORY, async () => {
    const { failed, failures } = await service.unloaded(load);

    expect(failures.slice(reportedOf)).toEqual([]);
    expect(failed).toBe(reportedOf);
  });
});

describe("of what was counted", () => {
  test(
    "a gateway that is killed takes with it only what was in flight there, and at most its last five seconds of what it counted",
    STORY,
    async () => {
      const [killed] = world.pair.gateways;
      const at = ({ byPort }: LoadReport) => byPort[killed?.port ?? 0] ?? 0;
      let uncounted = 0;

      const reported = await service.underLoad({ streamSeconds: 3, keyName: "counted" }, async (load) => {
        await load.answersAt(killed?.port ?? 0, LOAD.perSecond);
        const before = { ...load.reported };
        await load.answers(UNCOUNTED_SECONDS * LOAD.perSecond);
        const failures = await inFlightAtKill(load, {
          kill: async () => await killed?.program.kill(),
          recover: async () => {
            uncounted += at(load.reported) - at(before) + load.reported.streams - before.streams;
            await world.pair.startAgain(0);
            await load.answersAt(killed?.port ?? 0, LOAD.perSecond);
          },
        });

        expect(failures.length).toBeGreaterThan(0);
        expect(failures.filter(({ port }) => port !== killed?.port)).toEqual([]);
      });

      const answered = reported.short + reported.streams;
      const counted = await eventually(
        async () => {
          const requests = await service.counted("counted");
          return requests >= answered - uncounted && requests;
        },
        { ...WITHIN, what: `${answered - uncounted} answers that are counted` },
      );
      expect(counted).toBeLessThanOrEqual(answered);
    },
  );
});

function hostOf(nth: number): HostProcess {
  const host = world.house.hosts[nth];
  if (host === undefined) throw new Error("no such host");
  return host;
}

/** All of its replicas are of another version from now on. @throws when a request failed meanwhile */
async function renewed(load: ServiceLoad, version: string): Promise<void> {
  const { failed } = load.reported;
  await service.upgrade({ version, env_vars: { RENEWED: version } });
  await eventually(async () => (await service.visible()).version === version, { ...WITHIN, what: version });
  await service.settled(REPLICAS);
  expect(load.reported.failures.slice(failed)).toEqual([]);
}

/** The one that goes first where there are more than are wanted. */
async function hostOfNewest(): Promise<HostProcess> {
  const { instances } = await service.visible();
  const newest = instances.toSorted((one, other) => other.rank - one.rank)[0];
  const host = world.house.hosts.find(({ id }) => id === newest?.host_id);
  if (host === undefined) throw new Error("it has no replica on any host");
  return host;
}

/** The newest goes, and another one comes to the host that has none. */
async function spreadAnew(): Promise<void> {
  for (const replicas of [1, REPLICAS]) {
    await service.scale(replicas);
    await service.settled(replicas);
  }
}

async function killContainers({ id }: HostProcess): Promise<void> {
  const running = await world.house.containersOf(id);
  await Promise.all(running.map((one) => docker.getContainer(one.id).kill()));
}

/** The agent is started, and was seen by the control plane since. */
async function backAgain({ agent, id }: HostProcess): Promise<void> {
  const startedAt = new Date().toISOString();
  agent.start();
  await eventually(
    async () => {
      const { connection, last_seen_at: seenAt } = await world.house.admin.get(`/hosts/${id}`);
      return connection === "connected" && String(seenAt) > startedAt;
    },
    { ...WITHIN, what: `host ${id}, back again` },
  );
  await service.settled(REPLICAS);
}
