/** A service that goes from one version to another, as a test orders it, looks at it and lets time pass. */
import { listServiceRevisions, listServiceRollouts } from "@remotegpu/control-plane/client/generated/api";
import type {
  InferenceServiceUpgrade,
  ServiceRevision,
  ServiceRollout,
} from "@remotegpu/control-plane/client/generated/api.schemas";
import { InstanceSpec } from "@remotegpu/shared/instance/instance";
import { examine } from "@remotegpu/control-plane/server/store/doctor/examination";
import type { FreshDatabase } from "../../engines/postgres.ts";
import type { Answer } from "../../http/api.ts";
import { openControlScene } from "../control-scene.ts";
import { ServiceScene } from "./service-scene.ts";

const TRIAL_SECONDS = 16;

export class RolloutScene {
  readonly #services: ServiceScene;

  constructor(services: ServiceScene) {
    this.#services = services;
  }

  /** On three hosts of its own. */
  static async begin(database: FreshDatabase): Promise<{ services: ServiceScene; rolling: RolloutScene }> {
    const services = await ServiceScene.begin(await openControlScene(database), { hosts: 3 });
    return { services, rolling: new RolloutScene(services) };
  }

  /** @throws what the doctor finds wrong in the end */
  async end(): Promise<void> {
    const { db, now } = this.#services.scene.api.deps;
    const unwell = (await examine(db, now())).filter(({ state }) => state !== "well");
    await this.#services.scene.close();
    if (unwell.length > 0) throw new Error(`the doctor finds: ${JSON.stringify(unwell)}`);
  }

  async upgrade(id: string, change: Partial<InferenceServiceUpgrade> = {}): Promise<Answer> {
    return await this.#services.request("POST", `/${id}/upgrade`, {
      version: "v2",
      image: "server:2",
      ...change,
    });
  }

  async rollback(id: string, options?: object): Promise<Answer> {
    return await this.#services.request("POST", `/${id}/rollback`, options);
  }

  async rollouts(id: string): Promise<ServiceRollout[]> {
    const { scene, alice } = this.#services;
    return (await scene.api.send(listServiceRollouts(id), alice)).items;
  }

  async revisions(id: string): Promise<ServiceRevision[]> {
    const { scene, alice } = this.#services;
    return (await scene.api.send(listServiceRevisions(id), alice)).items;
  }

  async versions(id: string): Promise<object> {
    const { version, previous_version: previous, image, rollout } = await this.#services.get(id);
    return { version, previous, image, rollout };
  }

  /** Loops and hosts do what they do until the first of the new version is trusted, and then the rest. */
  async settles(): Promise<void> {
    await this.#services.settle();
    await this.#services.pass(TRIAL_SECONDS);
    await this.#services.settle(6);
  }

  async upgraded(id: string, change: Partial<InferenceServiceUpgrade> = {}): Promise<void> {
    await this.upgrade(id, change);
    await this.settles();
  }

  /** Of what hosts are to run. */
  images(): string[] {
    const wanted = this.#services.hosts.flatMap(({ desired }) => desired);
    return wanted.flatMap(({ want, spec }) => (want === "running" ? InstanceSpec.parse(spec).image : []));
  }
}

export const SERVES_V1 = { version: "v1", previous: null, image: "server:1", rollout: null };
export const SERVES_V2 = { version: "v2", previous: "v1", image: "server:2", rollout: null };
