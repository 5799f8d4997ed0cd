/**
 * What a service stands on goes away under clients that ask it without a pause: a gateway, Postgres, an agent, a whole host.
 * Nothing fails but what was in flight on what was killed.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { docker } from "../support/containers/docker.ts";
import { eventually } from "../support/eventually.ts";
import type { HostProcess } from "../support/worlds/house.ts";
import {
  inFlightAtKill,
  LOAD,
  LoadedService,
  ROUNDS,
  STORY_MS,
  WITHIN,
} from "../support/worlds/loaded-service.ts";

const REPLICAS = 2;
const AWAY_SECONDS = 10;
const STORY = { timeout: ROUNDS * STORY_MS };

let service: LoadedService;

const ending = new AsyncDisposableStack();
beforeAll(async () => {
  service = ending.use(await LoadedService.begin(REPLICAS, { min: REPLICAS }));
}, STORY_MS);
afterAll(() => ending.disposeAsync());

test(
  "a gateway that is restarted in order ends what it answers, and whoever finds it closed is answered by the other",
  STORY,
  async () => {
    const [restarted] = service.pair.gateways;

    const told = await service.underLoad({ streamSeconds: 2 }, async (load) => {
      await restarted?.program.stop();
      await load.answers(LOAD.perSecond);
      await service.pair.startAgain(0);
      await load.answersAt(restarted?.port ?? 0, LOAD.perSecond);
    });

    expect(told).toMatchObject({ failed: 0, failures: [] });
  },
);

test(
  "a gateway that is killed takes with it only what was in flight there, and answers again",
  STORY,
  async () => {
    const [killed] = service.pair.gateways;

    await service.underLoad({ streamSeconds: 3 }, async (load) => {
      const failures = await inFlightAtKill(load, {
        kill: async () => await killed?.program.kill(),
        recover: async () => {
          await service.pair.startAgain(0);
          await load.answersAt(killed?.port ?? 0, LOAD.perSecond);
        },
      });

      expect(failures.length).toBeGreaterThan(0);
      expect(failures.filter(({ port }) => port !== killed?.port)).toEqual([]);
    });
  },
);

test("without Postgres for a while nothing fails", STORY, async () => {
  const told = await service.underLoad({ streamSeconds: 3 }, async (load) => {
    service.postgres.cut();
    await load.answers(AWAY_SECONDS * LOAD.perSecond);
    expect(await service.house.curl("/readyz")).toBe(false);
    service.postgres.mend();
    await service.house.serves();
    await service.settled(REPLICAS);
    await load.answers(LOAD.perSecond);
  });

  expect(told).toMatchObject({ failed: 0, again: 0, failures: [] });
});

test("an agent that is killed takes nothing with it", STORY, async () => {
  const { agent, id } = hostOf(0);
  const before = await service.house.containersOf(id);
  expect(before).toHaveLength(1);

  const told = await service.underLoad({ streamSeconds: 3 }, async (load) => {
    await agent.kill();
    await load.answers(2 * LOAD.perSecond);
    await backAgain(hostOf(0));
    await load.answers(LOAD.perSecond);
  });

  expect(told).toMatchObject({ failed: 0, again: 0, failures: [] });
  expect(await service.house.containersOf(id)).toEqual(before);
});

test(
  "an agent that is killed with its access process takes with it only what went through that",
  STORY,
  async () => {
    const { agent, access, id } = hostOf(0);
    const before = await service.house.containersOf(id);

    await service.underLoad({ streamSeconds: 3 }, async (load) => {
      await service.hasStreamsAt(id);
      const failures = await inFlightAtKill(load, {
        kill: async () => {
          await Promise.all([agent.kill(), access.kill()]);
        },
        recover: async () => {
          access.start();
          await backAgain(hostOf(0));
        },
      });

      expect(failures.length).toBeGreaterThan(0);
      expect(failures.length).toBeLessThanOrEqual(LOAD.streams);
    });

    expect(await service.house.containersOf(id)).toEqual(before);
  },
);

test(
  "a whole host that is killed takes with it only what was in flight there, and serves again once it is back",
  STORY,
  async () => {
    await service.underLoad({ streamSeconds: 3 }, async (load) => {
      const host = hostOf(0);
      await service.hasStreamsAt(host.id);
      const failures = await inFlightAtKill(load, {
        kill: async () => {
          await Promise.all([host.agent.kill(), host.access.kill(), killContainers(host)]);
        },
        recover: async () => {
          host.access.start();
          await backAgain(host);
          await eventually(async () => (await service.house.containersOf(host.id)).length === 1, {
            ...WITHIN,
            what: "a replica on that host again",
          });
          await service.settled(REPLICAS);
        },
      });

      expect(failures.length).toBeGreaterThan(0);
      expect(failures.length).toBeLessThanOrEqual(LOAD.streams);
    });
  },
);

function hostOf(nth: number): HostProcess {
  const host = service.house.hosts[nth];
  if (host === undefined) throw new Error("no such host");
  return host;
}

async function killContainers({ id }: HostProcess): Promise<void> {
  const running = await service.house.containersOf(id);
  await Promise.all(running.map((one) => docker.getContainer(one.id).kill()));
}

/** The agent is started, and was seen by the control plane since. */
async function backAgain({ agent, id }: HostProcess): Promise<void> {
  const startedAt = new Date().toISOString();
  agent.start();
  await eventually(
    async () => {
      const { connection, last_seen_at: seenAt } = await service.house.admin.get(`/hosts/${id}`);
      return connection === "connected" && String(seenAt) > startedAt;
    },
    { ...WITHIN, what: `host ${id}, back again` },
  );
  await service.settled(REPLICAS);
}
