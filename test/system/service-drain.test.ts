/**
 * No request is cut off by fewer replicas or another version: two gateways as processes of their own, real containers, and
 * clients that ask without a pause while replicas come and go.
 */
import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import {
  inFlightAtKill,
  LOAD,
  LoadedService,
  ROUNDS,
  STORY_MS,
  WITHIN,
} from "../support/worlds/loaded-service.ts";

let service: LoadedService;

const ending = new AsyncDisposableStack();
beforeAll(async () => {
  service = ending.use(await LoadedService.begin(3));
}, STORY_MS);
afterAll(() => ending.disposeAsync());

test(
  "from three replicas to one and back no request fails and no stream is cut off",
  { timeout: ROUNDS * STORY_MS },
  async () => {
    const told = await service.underLoad({ streamSeconds: 5 }, async (load) => {
      await service.scale(1);
      await eventually(
        async () => {
          const { instances } = await service.shown();
          return instances.filter(({ draining_since: since }) => since !== null).length === 2;
        },
        { ...WITHIN, what: "two replicas that drain" },
      );
      await service.settled(1);
      await load.answers(LOAD.perSecond);
      await service.scale(3);
      await service.settled(3);
      await load.answers(LOAD.perSecond);
    });

    expect(told).toMatchObject({ failed: 0, again: 0, failures: [] });
  },
);

test(
  "to another version and back no request fails and no stream is cut off",
  { timeout: ROUNDS * STORY_MS },
  async () => {
    await service.scale(2);
    await service.settled(2);
    const version = async (wanted: string) => {
      await eventually(async () => (await service.shown()).version === wanted, {
        ...WITHIN,
        what: `version ${wanted}`,
      });
      await service.settled(2);
    };
    const { customer } = service.house;

    const told = await service.underLoad({ streamSeconds: 3 }, async (load) => {
      const change = { version: "2", env_vars: { NEW: "1" } };
      await customer.post(`/inference-services/${service.id}/upgrade`, change);
      await version("2");
      await load.answers(LOAD.perSecond);
      await customer.post(`/inference-services/${service.id}/rollback`);
      await version("1");
      await load.answers(LOAD.perSecond);
    });

    expect(told).toMatchObject({ failed: 0, again: 0, failures: [] });
  },
);

test(
  "a replica that is killed takes with it only what was in flight there",
  { timeout: ROUNDS * STORY_MS },
  async () => {
    await service.underLoad({ streamSeconds: 5 }, async (load) => {
      const [killed] = (await service.shown()).instances;
      const failures = await inFlightAtKill(load, {
        kill: () => execa("docker", ["kill", killed?.container_id ?? ""]),
        recover: () => service.settled(2),
      });

      expect(failures.length).toBeLessThanOrEqual(LOAD.streams);
    });
  },
);
