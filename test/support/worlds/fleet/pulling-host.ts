/**
 * A host that does with its desired set what an agent does, one part at a time and in any order: it takes the set over,
 * pulls, starts and ends containers, reports. A test decides when which image comes. What ran is kept, to be proven.
 */
import type { ObservedPull } from "@remotegpu/shared/instance/image-fetch";
import type { DesiredInstance, ObservedInstance } from "@remotegpu/shared/instance/instance";
import type { ScriptedHost } from "../control-scene.ts";

export interface RanContainer {
  wanted: DesiredInstance;
  fromMs: number;
  toMs: number | null;
}

export class PullingHost {
  readonly host: ScriptedHost;
  /** By their names; all others are still on their way. */
  readonly images = new Map<string, "present" | "failed">();
  readonly containers: RanContainer[] = [];

  constructor(host: ScriptedHost) {
    this.host = host;
  }

  get running(): RanContainer[] {
    return this.containers.filter(({ toMs }) => toMs === null);
  }

  async pull(): Promise<void> {
    await this.host.heartbeat();
    await this.host.pull();
  }

  /** Starts what is wanted and can start, ends what is not wanted any more, by the set that it knows. */
  work(nowMs: number): void {
    for (const container of this.running)
      if (this.#wantOf(container.wanted.runId) !== "running") container.toMs = nowMs;
    for (const wanted of this.host.desired)
      if (wanted.want === "running" && this.#imageOf(wanted) === "present" && !this.#hasRun(wanted.runId))
        this.containers.push({ wanted, fromMs: nowMs, toMs: null });
  }

  async report(): Promise<void> {
    const waiting = this.host.desired.filter(
      (wanted) => wanted.want === "running" && this.#imageOf(wanted) === undefined,
    );
    const waitersOf = (image: string) =>
      waiting.filter(({ spec }) => spec.image === image).map(({ instanceId }) => instanceId);
    this.host.pulls = [
      ...new Set(waiting.map(({ spec }) => spec.image).filter((image) => !this.#isFetched(image))),
    ].map((image) => pullOf({ image, fetchId: null, instanceIds: waitersOf(image), state: "pulling" }));
    for (const { image, fetchId } of this.host.desiredFetches)
      this.host.pulls.push(
        pullOf({ image, fetchId, instanceIds: waitersOf(image), state: this.images.get(image) ?? "pulling" }),
      );
    await this.host.heartbeat();
    await this.host.report(this.host.desired.flatMap((wanted) => this.#observed(wanted)));
  }

  #observed(wanted: DesiredInstance): ObservedInstance[] {
    const runs = this.running.some((container) => container.wanted.runId === wanted.runId);
    const report = (output: Parameters<ScriptedHost["observedOf"]>[1]) => [
      this.host.observedOf(wanted, output),
    ];
    switch (wanted.want) {
      case "removed":
        return runs ? report({ phase: "stopping" }) : [];
      case "stopped":
        return report({ phase: runs ? "stopping" : "stopped" });
      case "running":
        if (runs) return report({ phase: "ready" });
        return this.#imageOf(wanted) === "failed"
          ? report({
              phase: "failed",
              problem: "image-missing",
              detail: "There is no such image.",
              containerId: null,
            })
          : report({ phase: "starting", detail: "The image is being pulled.", containerId: null });
    }
  }

  #wantOf(runId: string): DesiredInstance["want"] | null {
    return this.host.desired.find((wanted) => wanted.runId === runId)?.want ?? null;
  }

  #hasRun(runId: string): boolean {
    return this.containers.some(({ wanted }) => wanted.runId === runId);
  }

  #imageOf({ spec }: DesiredInstance): "present" | "failed" | undefined {
    return this.images.get(spec.image);
  }

  #isFetched(image: string): boolean {
    return this.host.desiredFetches.some((fetch) => fetch.image === image);
  }
}

function pullOf(reported: Pick<ObservedPull, "image" | "fetchId" | "instanceIds" | "state">): ObservedPull {
  return {
    ...reported,
    layersDone: null,
    layers: null,
    bytesDone: null,
    bytes: null,
    problem: reported.state === "failed" ? "no-such-image" : null,
    operatorDetail: null,
  };
}
