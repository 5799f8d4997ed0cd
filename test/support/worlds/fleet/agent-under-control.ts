/**
 * A whole agent in the test's process under the real control plane: real link, store, API and containers, and one clock for
 * both that the test sets forward. The control plane's passes run when the test says so.
 */
import {
  createImage,
  getHost,
  listHostGpus,
  setCustomerQuota,
} from "@remotegpu/control-plane/client/generated/api";
import type {
  Environment,
  EnvironmentStatus,
  Gpu,
  Host,
} from "@remotegpu/control-plane/client/generated/api.schemas";
import type { NatsConnection } from "nats";
import { ingestBatch } from "@remotegpu/control-plane/server/controllers/ingest/ingest";
import { HostOrders } from "@remotegpu/control-plane/server/link/hosts/host-orders";
import { serveHosts } from "@remotegpu/control-plane/server/link/hosts/host-requests";
import { JournalConsumer } from "@remotegpu/control-plane/server/link/journal/journal-consumer";
import { ensureJournalStream } from "@remotegpu/control-plane/server/link/journal/journal-stream";
import type { HostId } from "@remotegpu/shared/values/ids";
import { MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import { AgentUnderTest } from "../../agent/agent.ts";
import { ScriptedHost } from "../../agent/scripted-control-plane.ts";
import { CHINA } from "../../billing/metering-scene.ts";
import { startTestNats } from "../../engines/nats.ts";
import { eventually } from "../../eventually.ts";
import type { Answer, Caller } from "../../http/api.ts";
import { quietLog } from "../../quiet-log.ts";
import { BUSYBOX_IMAGE } from "../../samples/desired-instance.ts";
import { type ControlScene, openControlScene } from "../control-scene.ts";

const QUOTA = {
  quota_level: "custom",
  cpu_quota: 100,
  memory_quota: 65_536,
  gpu_quota: 64,
  storage_quota: 2 ** 40,
  environment_quota: 100,
};

export class AgentUnderControl {
  readonly scene: ControlScene;
  readonly alice: Caller;
  readonly agent: AgentUnderTest;
  readonly #orders: HostOrders;
  readonly #ending: AsyncDisposableStack;

  private constructor(parts: {
    scene: ControlScene;
    alice: Caller;
    agent: AgentUnderTest;
    orders: HostOrders;
    ending: AsyncDisposableStack;
  }) {
    this.scene = parts.scene;
    this.alice = parts.alice;
    this.agent = parts.agent;
    this.#orders = parts.orders;
    this.#ending = parts.ending;
  }

  static async begin({ simulatedGpus }: { simulatedGpus: number }): Promise<AgentUnderControl> {
    await using ending = new AsyncDisposableStack();
    const scene = ending.adopt(await openControlScene(), (one) => one.close());
    const nats = ending.adopt(await startTestNats(), (one) => one.close());
    const connection = await nats.connectControlPlane();
    await ensureJournalStream(connection);
    ending.adopt(await serveHosts(connection, scene.handlers, quietLog), (one) => one.close());
    ending.adopt(consumerOf(connection, scene), (one) => one.stop());
    const admit = async (hostId: HostId) => {
      await scene.api.db.query(
        `INSERT INTO hosts (id, name, ip_address, seen_addresses, storage_pool)
         VALUES ($1, $1, '127.0.0.1', '{127.0.0.1}', $1) ON CONFLICT DO NOTHING`,
        [hostId],
      );
      const host = new ScriptedHost(hostId, () => undefined);
      return { host, credential: await nats.hostCredential(hostId) };
    };
    const agent = ending.adopt(await AgentUnderTest.begin({ admit }, { simulatedGpus }), (one) => one.end());
    const alice = await scene.customer("alice");
    await scene.api.send(setCustomerQuota(alice.customerId, QUOTA), scene.api.admin);
    // No registry has it.
    await scene.api.send(createImage({ name: BUSYBOX_IMAGE, display_name: "A busybox" }), scene.api.admin);
    const orders = new HostOrders(connection);
    const world = new AgentUnderControl({ scene, alice, agent, orders, ending: ending.move() });
    await eventually(async () => (await world.host()).observed_at !== null, {
      what: "the host's first report",
    });
    return world;
  }

  async host(): Promise<Host> {
    return await this.scene.api.send(getHost(this.agent.hostId), this.scene.api.admin);
  }

  /** The host's cards as an administrator sees them, by their UUIDs. */
  async cards(): Promise<Map<string | null, Gpu>> {
    const cards = listHostGpus(this.agent.hostId, { limit: 200 });
    const { items } = await this.scene.api.send(cards, this.scene.api.admin);
    return new Map(items.map((card) => [card.uuid, card]));
  }

  /** An environment with so many cards. */
  async order(gpu: number): Promise<string> {
    const { status, body } = await this.scene.order(this.alice, {
      image: BUSYBOX_IMAGE,
      memory: 64 * 2 ** 20,
      cpu: 1,
      gpu,
    });
    if (status !== 201) throw new Error(`refused: ${JSON.stringify(body)}`);
    return String(body.id);
  }

  /** One pass of the scheduler and of workloads, of which the host hears at once. */
  async passes(): Promise<void> {
    await this.scene.workloads();
    await this.scene.schedule();
    this.nudge();
  }

  nudge(): void {
    this.#orders.nudge(this.agent.hostId);
  }

  /** Waits until the environment is in that status, with passes meanwhile. */
  async becomes(id: string, status: EnvironmentStatus): Promise<Environment> {
    let last = await this.environment(id);
    const isSo = async () => {
      await this.passes();
      last = await this.environment(id);
      return [status, "error"].includes(last.status);
    };
    await eventually(isSo, { withinMs: 60_000 }).catch(() => undefined);
    if (last.status === status) return last;
    throw new Error(`${id} is not ${status} but ${last.status}: ${last.status_reason}`);
  }

  async environment(id: string): Promise<Environment> {
    return await this.scene.get(this.alice, id);
  }

  async request(method: string, path: string): Promise<Answer> {
    return await this.scene.api.request(method, `/api/v1${path}`, { as: this.alice });
  }

  /** Both clocks together: what is due by then is done at once. */
  forward(ms: number): void {
    this.scene.api.passMinutes(ms / MS_PER_MINUTE);
    this.agent.setForward(ms);
  }

  async end(): Promise<void> {
    await this.#ending.disposeAsync();
  }
}

function consumerOf(connection: NatsConnection, { api }: ControlScene): JournalConsumer {
  const { db, now } = api.deps;
  const deps = { db, verify: () => Promise.resolve(true), calendar: CHINA };
  const consumer = new JournalConsumer(
    connection,
    {
      ingest: async (hostId, batch) => void (await ingestBatch(deps, hostId, batch, now())),
      malformed: (hostId, reason) => Promise.reject(new Error(`${hostId}: ${reason}`)),
    },
    { repair: () => ensureJournalStream(connection), log: quietLog },
  );
  consumer.start();
  return consumer;
}
