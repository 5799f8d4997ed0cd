/**
 * An inference service at a real gateway: its replicas are containers with a real web service in each, behind a real access
 * process. A test speaks for their host.
 */
import {
  createInferenceServiceKey,
  orderInferenceService,
} from "@remotegpu/control-plane/client/generated/api";
import type {
  AutoscalingConfig,
  NewInferenceServiceConfig,
} from "@remotegpu/control-plane/client/generated/api.schemas";
import type { IncomingMessage } from "node:http";
import type { InstanceId } from "@remotegpu/shared/values/ids";
import { GIB } from "@remotegpu/shared/values/units";
import { ContainerUnderTest } from "../agent/access.ts";
import type { Answer, Caller } from "../http/api.ts";
import { SERVICE, SERVICE_PORT, type WebAnswer, type WebRequest, type WebScene } from "./web-scene.ts";

/** Null: no key is shown. */
type ServedRequest = Omit<WebRequest, "key"> & { key?: string | null };

export class ServedScene implements AsyncDisposable {
  readonly web: WebScene;
  readonly id: string;
  readonly owner: Caller;
  /** By the ranks of the replicas; one that ended has none. */
  readonly containers = new Map<number, ContainerUnderTest>();
  /** Opens this service and nothing else. */
  readonly key: string;
  readonly #serves: string;
  #keyId: number;

  private constructor(
    web: WebScene,
    { id, key, keyId, serves }: { id: string; key: string; keyId: number; serves: string },
  ) {
    this.#serves = serves;
    this.web = web;
    this.id = id;
    this.owner = web.owner;
    this.key = key;
    this.#keyId = keyId;
  }

  /** All its replicas serve. */
  static async begin(
    web: WebScene,
    {
      replicas,
      serves = SERVICE,
      ...change
    }: {
      replicas: number;
      min_replicas?: number;
      /** The program in each of its containers. */
      serves?: string;
      autoscaling_enabled?: boolean;
      autoscaling_config?: AutoscalingConfig;
      config?: NewInferenceServiceConfig;
    },
  ) {
    const { api } = web.control;
    const size = { cpu: 1, memory: GIB, min_replicas: replicas, max_replicas: Math.max(replicas, 4) };
    const order = { name: "chat", image: "server:1", version: "v1", ...size, ...change };
    const { id } = await api.send(orderInferenceService(order), web.owner);
    const made = await api.send(createInferenceServiceKey(id, { name: "app" }), web.owner);
    const scene = new ServedScene(web, { id, key: made.key, keyId: made.id, serves });
    if (change.min_replicas !== undefined) await scene.api("POST", "/scale", { replicas });
    await scene.settle();
    return scene;
  }

  async api(method: string, path: string, body?: object, as: Caller = this.owner): Promise<Answer> {
    const route = `/api/v1/inference-services/${this.id}${path}`;
    return await this.web.control.api.request(method, route, { as, ...(body !== undefined && { body }) });
  }

  async revoke(): Promise<void> {
    await this.api("DELETE", `/keys/${this.#keyId}`);
  }

  /** Loops and the host do what they do; each replica that is wanted has a container that serves. */
  async settle(): Promise<void> {
    await this.web.host.heartbeat();
    for (let round = 0; round < 3; round += 1) {
      await this.web.control.replicas();
      await this.web.control.schedule();
      await this.web.host.round({ phase: "ready", serving: "yes" });
    }
    await this.web.control.replicas();
    await this.lead();
  }

  /** The access process leads to those that the host is told to run. */
  async lead(): Promise<void> {
    const wanted = this.web.host.desired.filter(
      ({ spec, want }) => spec.workloadId === this.id && want === "running",
    );
    const ranks = new Map(wanted.map((one) => [Number(one.spec.hostname.split("-").at(-1)), one]));
    for (const [rank, container] of this.containers)
      if (!ranks.has(rank)) {
        this.containers.delete(rank);
        await container.end();
      }
    for (const rank of ranks.keys()) if (!this.containers.has(rank)) await this.#run(rank);
    await this.web.leadsTo(
      this.id,
      [...ranks].map(([rank, { instanceId, runId, spec, live }]) => ({
        ...this.#containerOf(rank).instance,
        workloadId: spec.workloadId,
        instanceId,
        runId,
        ...(live.draining === true && { draining: true as const }),
      })),
    );
  }

  /** What serves in this replica ends, and nobody has noticed. */
  async break(rank: number): Promise<void> {
    await this.#containerOf(rank).endServices();
  }

  async mend(rank: number): Promise<void> {
    await this.#containerOf(rank).serveFixture(this.#serves, SERVICE_PORT);
  }

  instanceOf(rank: number): InstanceId {
    const found = this.web.host.desired.find(
      ({ spec }) => spec.workloadId === this.id && spec.hostname.endsWith(`-${rank}`),
    );
    if (found === undefined) throw new Error(`there is no replica ${rank}`);
    return found.instanceId;
  }

  /** Below the gateway's own origin, with the service's key unless another is given. */
  async request(path: string, options: ServedRequest = {}): Promise<WebAnswer> {
    return await this.web.request(this.web.base.domain, `/services/${this.id}${path}`, this.#with(options));
  }

  async open(path: string, options: ServedRequest = {}): Promise<IncomingMessage> {
    return await this.web.open(this.web.base.domain, `/services/${this.id}${path}`, this.#with(options));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const container of this.containers.values()) await container.end();
    this.containers.clear();
    await this.api("DELETE", "");
    await this.web.host.heartbeat();
    await this.web.control.replicas();
    await this.web.host.round({ phase: "ready", serving: "yes" });
    await this.web.leadsTo(this.id, []);
  }

  #with({ key = this.key, ...options }: ServedRequest): WebRequest {
    return { ...options, ...(key !== null && { key }) };
  }

  async #run(rank: number): Promise<void> {
    const container = await ContainerUnderTest.begin(`${this.id}-${rank}`);
    this.containers.set(rank, container);
    await container.serveFixture(this.#serves, SERVICE_PORT);
  }

  #containerOf(rank: number): ContainerUnderTest {
    const found = this.containers.get(rank);
    if (found === undefined) throw new Error(`replica ${rank} has no container`);
    return found;
  }
}
