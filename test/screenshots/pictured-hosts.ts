/** The hosts of the pictures, which do what they are told and tell how their cards are. */
import type { GpuReport } from "@remotegpu/shared/messages/host-report";
import type { DesiredInstance, Finding, ObservedInstance } from "@remotegpu/shared/instance/instance";
import type { ControlScene, ScriptedHost } from "../support/worlds/control-scene.ts";
import { H100, heldCards, readingOf } from "./pictured-figures.ts";

const HOSTS = 6;
const CARDS = 8;
const IMAGE = `sha256:${"5".repeat(64)}`;
/** Until everything that can run does: held, released, running. */
const ROUNDS = 4;

export class PicturedHosts {
  readonly #control: ControlScene;
  readonly hosts: readonly ScriptedHost[];

  static async join(control: ControlScene): Promise<PicturedHosts> {
    const hosts: ScriptedHost[] = [];
    for (let nth = 1; nth <= HOSTS; nth += 1) {
      const size = { gpus: CARDS, cpu: 128, memoryGib: 1_024 };
      const host = await control.host(`gpu-0${nth}`, { ...size, ssh: true, leases: true, drains: true });
      await host.connectsFrom(`10.20.1.${nth}`);
      host.gpus = host.gpus.map((gpu) => ({ ...gpu, ...H100 }));
      await host.report([]);
      const labels = { rack: nth <= HOSTS / 2 ? "r1" : "r2" };
      await control.api.db.query("UPDATE hosts SET labels = $2 WHERE id = $1", [host.id, labels]);
      hosts.push(host);
    }
    return new PicturedHosts(control, hosts);
  }

  private constructor(control: ControlScene, hosts: readonly ScriptedHost[]) {
    this.#control = control;
    this.hosts = hosts;
  }

  /** What loops and hosts make of orders. */
  async goOn(): Promise<void> {
    for (let nth = 0; nth < ROUNDS; nth += 1) {
      for (const host of this.hosts) await host.heartbeat();
      await this.#control.replicas();
      await this.#control.schedule();
      for (const host of this.hosts) {
        await host.pull();
        host.bindLeases();
        await host.heartbeat();
        await host.report(seen(host));
      }
      await this.#control.workloads();
    }
  }

  /** Those that nobody has, in their order. */
  async freeCards(): Promise<string[]> {
    const held = await heldCards(this.#control);
    return this.hosts.flatMap(({ gpus }) => gpus.map(({ uuid }) => uuid)).filter((uuid) => !held.has(uuid));
  }

  fail(uuid: string | undefined): void {
    const failed: Partial<GpuReport> = {
      health: "unhealthy",
      reasons: ["XID 79: the GPU has fallen off the bus."],
      cordon: { kind: "fatal", sinceMs: 1 },
    };
    for (const host of this.hosts)
      host.gpus = host.gpus.map((gpu) => (gpu.uuid === uuid ? { ...gpu, ...failed } : gpu));
  }

  /** Every host says how its cards are now. */
  async report(held: ReadonlySet<string>): Promise<void> {
    for (const [nth, host] of this.hosts.entries()) {
      host.gpus = host.gpus.map((gpu, index) => {
        const reading = readingOf({ card: nth * CARDS + index, isHeld: held.has(gpu.uuid) }, 0);
        return {
          ...gpu,
          utilizationPercent: reading.utilization,
          memoryUsedMib: reading.memory_used,
          temperatureC: reading.temperature,
          powerW: reading.power,
        };
      });
      await host.report(seen(host));
      await host.heartbeat({ gpus: host.gpus, clockOffsetMs: (nth % 3) * 7 - 4 });
    }
  }
}

/** What was told is done: ranks that are held have found nothing, replicas serve. */
function seen(host: ScriptedHost): ObservedInstance[] {
  return host.desired
    .filter(({ want }) => want !== "removed")
    .map((wanted) => {
      if (wanted.want === "stopped")
        return host.observedOf(wanted, { phase: "stopped", exitCode: 0, imageId: IMAGE });
      const isHeld = wanted.spec.hosts !== undefined && wanted.live.released !== true;
      if (!isHeld) return host.observedOf(wanted, { phase: "ready", imageId: IMAGE, serving: "yes" });
      const held = { findings: findingsOf(wanted) };
      return host.observedOf(wanted, { phase: "starting", imageId: IMAGE, held });
    });
}

function findingsOf({ spec }: DesiredInstance): Finding[] {
  const own = typeof spec.network === "string" ? null : spec.network.address;
  const others = (spec.hosts ?? []).filter(({ address }) => address !== own);
  return [
    ...others.map(({ address }) => ({ check: "network", address, isPassed: true, detail: "It answers." })),
    ...["clock", "disk", "shm"].map((check) => ({ check, isPassed: true, detail: "Good." })),
  ];
}
