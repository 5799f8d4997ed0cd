/**
 * Hosts of which each has a rank of a gang, spoken for by a test: what they are told they do, and what they find while
 * they hold their ranks is well unless the test says otherwise.
 */
import { getTrainingJob } from "@remotegpu/control-plane/client/generated/api";
import type { NewTrainingJob, TrainingJob } from "@remotegpu/control-plane/client/generated/api.schemas";
import { livenessPass } from "@remotegpu/control-plane/server/controllers/hosts/host-liveness";
import { acquireLeadership } from "@remotegpu/control-plane/server/store/database/leader";
import type { DesiredInstance, Finding, ObservedInstance } from "@remotegpu/shared/instance/instance";
import { GIB, MS_PER_MINUTE, MS_PER_SECOND } from "@remotegpu/shared/values/units";
import type { Answer, Caller } from "../../http/api.ts";
import type { ControlScene, ScriptedHost } from "../control-scene.ts";

type HostReport = Partial<
  Pick<
    ObservedInstance,
    "phase" | "detail" | "problem" | "exitCode" | "cutOff" | "imageId" | "idleness" | "isFrozen"
  >
>;
type Bad = { check: string; detail: string; towards?: ScriptedHost };

const IMAGE = `sha256:${"a".repeat(64)}`;
/** As a control plane that has listened for long. */
const LISTENING_FOR_MS = 60 * MS_PER_MINUTE;

export class GangScene {
  readonly scene: ControlScene;
  readonly alice: Caller & { workspaceId: number; customerId: number };
  readonly hosts: ScriptedHost[];
  /** What each host finds that is not well. */
  readonly bad = new Map<ScriptedHost, Bad[]>();

  static async begin(scene: ControlScene, hosts: number): Promise<GangScene> {
    const alice = await scene.customer("alice", "100000");
    const joined: ScriptedHost[] = [];
    for (let number = 0; number < hosts; number += 1) {
      const host = await scene.host(`host-${number}`, { gpus: 1 });
      await host.connectsFrom(`198.51.100.${number + 1}`);
      await host.report([]);
      joined.push(host);
    }
    return new GangScene(scene, alice, joined);
  }

  private constructor(scene: ControlScene, alice: GangScene["alice"], hosts: ScriptedHost[]) {
    this.scene = scene;
    this.alice = alice;
    this.hosts = hosts;
  }

  async request(method: string, path: string, body?: object): Promise<Answer> {
    return await this.scene.api.request(method, `/api/v1/training-jobs${path}`, {
      as: this.alice,
      ...(body && { body }),
    });
  }

  async job(id: string): Promise<TrainingJob> {
    return await this.scene.api.send(getTrainingJob(id), this.alice);
  }

  async order(change: Partial<NewTrainingJob> = {}): Promise<Answer> {
    const size = { cpu: 1, memory: GIB, gpu: 1, node_count: 2 };
    return await this.request("POST", "", {
      name: "gang",
      image: "trainer:1",
      command: "true",
      ...size,
      ...change,
    });
  }

  /** Ordered and placed. */
  async placed(change: Partial<NewTrainingJob> = {}): Promise<string> {
    const { status, body } = await this.order(change);
    if (status !== 201) throw new Error(`refused: ${JSON.stringify(body)}`);
    await this.scene.schedule();
    return body.id;
  }

  /** The host of each rank; those without one are left out. */
  async hostsOf(id: string): Promise<ScriptedHost[]> {
    const { instances } = await this.job(id);
    return instances.flatMap(({ host_id: hostId }) => this.hosts.find(({ id }) => id === hostId) ?? []);
  }

  /** One round of agents: what is released runs, everything else is held. */
  async round(hosts: readonly ScriptedHost[] = this.hosts): Promise<void> {
    for (const host of hosts) {
      await host.pull();
      await host.heartbeat();
      const left = host.desired.filter(({ want }) => want !== "removed");
      await host.report(left.map((wanted) => this.#seen(host, wanted)));
    }
  }

  /** A round in which these hosts say this of all they have. */
  async print(report: HostReport, ...hosts: ScriptedHost[]): Promise<void> {
    for (const host of hosts) {
      await host.pull();
      await host.heartbeat();
      const left = host.desired.filter(({ want }) => want !== "removed");
      await host.report(left.map((wanted) => host.observedOf(wanted, report)));
    }
  }

  #seen(host: ScriptedHost, wanted: DesiredInstance): ObservedInstance {
    if (wanted.want === "stopped")
      return host.observedOf(wanted, { phase: "stopped", exitCode: 143, imageId: IMAGE });
    if (wanted.live.released === true) return host.observedOf(wanted, { phase: "ready", imageId: IMAGE });
    const findings = this.#findings(host, wanted);
    return host.observedOf(wanted, { phase: "starting", imageId: IMAGE, held: { findings } });
  }

  #findings(host: ScriptedHost, { spec }: DesiredInstance): Finding[] {
    if (typeof spec.network === "string") throw new Error("it is of no gang");
    const { address: own, peers } = spec.network;
    const bad = this.bad.get(host) ?? [];
    const others = (spec.hosts ?? []).filter(({ address }) => address !== own);
    const routes = others.map(({ address }) => {
      const at = peers.find(({ addresses }) => addresses.includes(address))?.host;
      const cut = bad.find(({ towards }) => towards?.machine.ipAddress === at);
      return { check: "network", address, isPassed: cut === undefined, detail: cut?.detail ?? "It answers." };
    });
    const ofHost = ["clock", "disk", "shm"].map((check) => {
      const found = bad.find((one) => one.check === check);
      return { check, isPassed: found === undefined, detail: found?.detail ?? "Good." };
    });
    return [...routes, ...ofHost];
  }

  /** Held, released, begun. */
  async runs(change: object = {}): Promise<string> {
    const id = await this.placed(change);
    await this.round();
    await this.scene.workloads();
    await this.round();
    await this.scene.workloads();
    const { status, status_reason: reason } = await this.job(id);
    if (status !== "running") throw new Error(`${id} is ${status}: ${reason}`);
    return id;
  }

  /** Time passes, in which these hosts are heard and the others are not. */
  async pass(seconds: number, heard: readonly ScriptedHost[] = this.hosts): Promise<void> {
    this.scene.api.passMinutes((seconds * MS_PER_SECOND) / MS_PER_MINUTE);
    for (const host of heard) await host.heartbeat();
    const { db, now } = this.scene.api.deps;
    const at = now();
    const term = await acquireLeadership(db, { holder: "the test", now: at });
    if (term === null) throw new Error("somebody else leads");
    await livenessPass({ db }, { term, now: at, listeningSince: new Date(at.getTime() - LISTENING_FOR_MS) });
  }
}
