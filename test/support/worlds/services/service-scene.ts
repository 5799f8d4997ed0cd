/**
 * Inference services over hosts that a test speaks for: what hosts are told to run is ready, and what they are told to stop
 * or remove is over, unless the test says otherwise of a host.
 */
import {
  getInferenceService,
  listInferenceServiceInstances,
} from "@remotegpu/control-plane/client/generated/api";
import type {
  InferenceService,
  Instance,
  ListInferenceServiceInstancesParams,
  NewInferenceService,
} from "@remotegpu/control-plane/client/generated/api.schemas";
import { livenessPass } from "@remotegpu/control-plane/server/controllers/hosts/host-liveness";
import { acquireLeadership } from "@remotegpu/control-plane/server/store/database/leader";
import type { DesiredInstance, ObservedInstance } from "@remotegpu/shared/instance/instance";
import { GIB, MS_PER_MINUTE, MS_PER_SECOND } from "@remotegpu/shared/values/units";
import type { Answer, Caller } from "../../http/api.ts";
import type { ControlScene, ScriptedHost } from "../control-scene.ts";

type HostReport = Partial<
  Pick<
    ObservedInstance,
    "phase" | "detail" | "problem" | "exitCode" | "serving" | "restarts" | "containerId" | "openStreams"
  >
>;

/** As a control plane that has listened for long. */
const LISTENING_FOR_MS = 60 * MS_PER_MINUTE;
const READY: HostReport = { phase: "ready", serving: "yes" };
const STARTING: HostReport = { phase: "ready", serving: "not-yet" };

export class ServiceScene {
  readonly scene: ControlScene;
  readonly alice: Caller & { workspaceId: number };
  readonly hosts: ScriptedHost[];
  /** What each host says of what it is to run, by the ranks; without an entry it is ready. */
  readonly text = new Map<number, HostReport>();
  /** Those that are not heard and pull nothing. */
  readonly silent = new Set<ScriptedHost>();

  static async begin(
    scene: ControlScene,
    {
      hosts,
      drains = false,
      longStops = false,
      balance = "100000",
    }: { hosts: number; drains?: boolean; longStops?: boolean; balance?: string },
  ): Promise<ServiceScene> {
    const alice = await scene.customer("alice", balance);
    const joined: ScriptedHost[] = [];
    for (let number = 0; number < hosts; number += 1)
      joined.push(await scene.host(`host-${number}`, { gpus: 1, drains, longStops }));
    return new ServiceScene(scene, alice, joined);
  }

  private constructor(scene: ControlScene, alice: ServiceScene["alice"], hosts: ScriptedHost[]) {
    this.scene = scene;
    this.alice = alice;
    this.hosts = hosts;
  }

  async request(method: string, path: string, body?: object, as: Caller = this.alice): Promise<Answer> {
    return await this.scene.api.request(method, `/api/v1/inference-services${path}`, {
      as,
      ...(body && { body }),
    });
  }

  async order(change: Partial<NewInferenceService> = {}): Promise<Answer> {
    const size = { cpu: 1, memory: GIB };
    return await this.request("POST", "", {
      name: "chat",
      image: "server:1",
      version: "v1",
      ...size,
      ...change,
    });
  }

  async ordered(change: Partial<NewInferenceService> = {}): Promise<string> {
    const { status, body } = await this.order(change);
    if (status !== 201) throw new Error(`refused: ${JSON.stringify(body)}`);
    return body.id;
  }

  /** Ordered, and all its replicas serve. */
  async runs(change: Partial<NewInferenceService> = {}): Promise<string> {
    const id = await this.ordered(change);
    await this.settle();
    const { status, status_reason: reason } = await this.get(id);
    if (status !== "running") throw new Error(`${id} is ${status}: ${reason}`);
    return id;
  }

  async get(id: string): Promise<InferenceService> {
    return await this.scene.api.send(getInferenceService(id), this.alice);
  }

  async replicas(id: string, query?: ListInferenceServiceInstancesParams): Promise<Instance[]> {
    return (await this.scene.api.send(listInferenceServiceInstances(id, query), this.alice)).items;
  }

  /** The ranks that serve. */
  async serving(id: string): Promise<number[]> {
    const visible = await this.replicas(id);
    return visible
      .filter(({ state, want, serving }) => state === "ready" && want === "running" && serving === "yes")
      .map(({ rank }) => rank);
  }

  /** Loops and hosts do what they do, as often as it takes. */
  async settle(rounds = 3): Promise<void> {
    for (let nth = 0; nth < rounds; nth += 1) {
      await this.loops();
      await this.round();
    }
    await this.loops();
  }

  async loops(): Promise<void> {
    await this.scene.replicas();
    await this.scene.schedule();
  }

  /** One round of agents. */
  async round(): Promise<void> {
    for (const host of this.hosts.filter((one) => !this.silent.has(one))) {
      await host.heartbeat();
      await host.pull();
      await host.heartbeat();
      const left = host.desired.filter(({ want }) => want !== "removed");
      await host.report(left.map((wanted) => host.observedOf(wanted, this.#textOf(wanted))));
    }
  }

  #textOf({ want, spec }: DesiredInstance): HostReport {
    if (want === "stopped") return { phase: "stopped", exitCode: 143 };
    return this.text.get(Number(spec.hostname.split("-").at(-1))) ?? READY;
  }

  /** What has a container that is up, and does not serve yet. */
  starts(...ranks: number[]): void {
    for (const rank of ranks) this.text.set(rank, STARTING);
  }

  /** Time passes, in which all hosts but the silent ones are heard. */
  async pass(seconds: number): Promise<void> {
    this.scene.api.passMinutes((seconds * MS_PER_SECOND) / MS_PER_MINUTE);
    for (const host of this.hosts) if (!this.silent.has(host)) await host.heartbeat();
    const { db, now } = this.scene.api.deps;
    const at = now();
    const term = await acquireLeadership(db, { holder: "the test", now: at });
    if (term === null) throw new Error("somebody else leads");
    await livenessPass({ db }, { term, now: at, listeningSince: new Date(at.getTime() - LISTENING_FOR_MS) });
  }
}
