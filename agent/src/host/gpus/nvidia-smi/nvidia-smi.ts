/**
 * Asks nvidia-smi, real or simulated, which cards there are, how they are, who uses them and how they are joined. A card
 * that spoils the answer, or no longer says who it is, is named by what the sample before knew of it. Health is judged in
 * core/gpus/gpu-health.ts.
 */
import { GpuReport } from "@remotegpu/shared/messages/host-report";
import type { GpuUuid } from "@remotegpu/shared/values/ids";
import { bothConditions, NO_FINDINGS, signOf, type GpuCondition } from "../../../core/gpus/gpu-condition.ts";
import type { GpuMeasurements } from "../../../core/metrics/gpu-samples.ts";
import type { NvlinkMap } from "../../../core/gpus/nvlink-islands.ts";
import { isSameGpu, type GpuPlace } from "../../../core/gpus/query-remarks.ts";
import { busKey } from "../../../core/gpus/kernel-lines/xid-line.ts";
import { GpuQuery, type GpuAnswer, type GpuAnswers } from "./gpu-query.ts";
import { NvidiaSmiError } from "./nvidia-smi-error.ts";
import { parseTopology } from "./nvidia-smi-topology.ts";
import { parseNvidiaSmiXml, type GpuProcess } from "./nvidia-smi-xml.ts";
import { mayBeOneGpu, singleAnswers, type BadGpu } from "./single-queries.ts";

export type GpuInventory = {
  gpus: GpuReport[];
  /** Of each of them, what was said beyond values. */
  conditions: ReadonlyMap<GpuUuid, GpuCondition>;
  /** Of each that was read, what its report has no place for. */
  measurements: ReadonlyMap<GpuUuid, GpuMeasurements>;
  processes: GpuProcess[];
  /**
   * Cards of which this sample says nothing: in `gpus` each is as it was known, if it was, and `processes` lacks its own.
   */
  unread: ReadonlySet<GpuUuid>;
  /** One card spoiled the answer of all, so that each was asked by itself. */
  isOfSingles: boolean;
};
/** Who is on the cards that are there, and how much of each is used. */
export type CardUse = {
  cards: { uuid: GpuUuid; memoryUsedMib: number | null }[];
  processes: GpuProcess[];
};

/** Of the query of all; single queries have as much again. Together well below the 30 s within which a hang must show. */
const DEADLINE_MS = 10_000;
/** Samples in a row that hang before the cards are asked singly: one may be a busy host, more are mostly one dead card. */
const HUNG_BEFORE_SINGLES = 2;

export class NvidiaSmi {
  readonly #query: GpuQuery;
  readonly #simulated: boolean;
  readonly #deadlineMs: number;
  /** The cards of the last inventory, as they were read last. */
  #known: ReadonlyMap<GpuUuid, GpuReport> = new Map();
  #hungInARow = 0;
  #inFlight: Promise<GpuInventory> | null = null;

  /** `path` is an executable or a name on the PATH. */
  constructor({
    path,
    simulated,
    deadlineMs = DEADLINE_MS,
  }: {
    path: string;
    simulated: boolean;
    deadlineMs?: number;
  }) {
    this.#query = new GpuQuery(path);
    this.#simulated = simulated;
    this.#deadlineMs = deadlineMs;
  }

  /**
   * Every card with health "unknown". Callers that come while one inventory is taken share its answer.
   * @throws NvidiaSmiError
   */
  inventory(): Promise<GpuInventory> {
    this.#inFlight ??= this.#takeInventory().finally(() => {
      this.#inFlight = null;
    });
    return this.#inFlight;
  }

  /** In half the time of an inventory, and with nothing of what that says of the cards. @throws NvidiaSmiError */
  async users(): Promise<CardUse> {
    const { stdout } = await this.#query.request(["-q", "-x"], {
      deadlineAt: this.#deadlineAt(),
      lane: "all",
    });
    const { gpus, processes } = parseNvidiaSmiXml(stdout);
    return { cards: gpus.map(({ uuid, memoryUsedMib }) => ({ uuid, memoryUsedMib })), processes };
  }

  /** How the cards are joined; one question at a time, a second one meanwhile "hangs". @throws NvidiaSmiError */
  async nvlinks(): Promise<NvlinkMap> {
    // Apart from the others: a question about the topology that hangs must not keep the cards from being looked after.
    const query = { deadlineAt: this.#deadlineAt(), lane: "topology" };
    const { stdout } = await this.#query.request(["topo", "-m"], query);
    return parseTopology(stdout);
  }

  async #takeInventory(): Promise<GpuInventory> {
    const inventory = await this.#readAll();
    this.#known = new Map(inventory.gpus.map((gpu) => [gpu.uuid, gpu]));
    return inventory;
  }

  async #readAll(): Promise<GpuInventory> {
    try {
      const all = await this.#query.answers({ deadlineAt: this.#deadlineAt(), lane: "all" });
      this.#hungInARow = 0;
      return { ...this.#inventoryOf(all, []), isOfSingles: false };
    } catch (error) {
      if (!(error instanceof NvidiaSmiError)) throw error;
      this.#hungInARow = error.kind === "hung" ? this.#hungInARow + 1 : 0;
      if (!mayBeOneGpu(error) && this.#hungInARow < HUNG_BEFORE_SINGLES) throw error;
      return await this.#readSingly(error);
    }
  }

  /** @throws NvidiaSmiError the failure, where nothing can be said of any card */
  async #readSingly(failure: NvidiaSmiError): Promise<GpuInventory> {
    const [query, known, withinMs] = [this.#query, this.#known, this.#deadlineMs];
    const { answers, bad, unread } = await singleAnswers({ query, failure, known, withinMs });
    const text = this.#inventoryOf(answers, bad);
    const stored = unread.flatMap((uuid) => known.get(uuid) ?? []);
    return {
      ...text,
      gpus: byIndex([...text.gpus, ...stored]),
      unread: new Set([...text.unread, ...unread]),
      isOfSingles: true,
    };
  }

  /** @throws NvidiaSmiError garbage, where no card is described in a readable way and none is named as bad */
  #inventoryOf(
    { answers, unidentified, remarks, processes }: GpuAnswers,
    bad: readonly BadGpu[],
  ): Omit<GpuInventory, "isOfSingles"> {
    const { gpus, unreadable } = this.#reportsOf(answers);
    const [first] = unreadable;
    if (first !== undefined && gpus.size === 0 && bad.length === 0) throw first.error;
    const weight = gpus.size > 0 ? "open" : "silence";
    const conditions = new Map(
      answers.map(({ csv, xml }) => [csv.uuid, whole(csv.condition, xml?.condition)]),
    );
    const add = (uuid: GpuUuid, text: Partial<GpuCondition>) => {
      const known = gpus.get(uuid) ?? this.#withoutReadings(uuid, bad);
      if (known === null) return;
      gpus.set(uuid, known);
      conditions.set(uuid, whole(conditions.get(uuid) ?? NO_FINDINGS, { ...NO_FINDINGS, ...text }));
    };
    for (const { uuid, sign } of bad) add(uuid, { sign });
    for (const { uuid, error } of unreadable)
      add(uuid, { sign: signOf("unknown-error", weight), unknownWords: [error.message] });
    for (const { pciBusId, condition } of unidentified) {
      const uuid = this.#uuidOf({ busKey: busKey(pciBusId), index: null }, gpus);
      if (uuid !== null) add(uuid, { ...condition, sign: condition.sign ?? signOf("unknown-error") });
    }
    for (const remark of remarks) {
      const uuid = this.#uuidOf(remark, gpus);
      if (uuid === null || bad.some((gpu) => gpu.uuid === uuid)) continue;
      add(uuid, remark.kind === "sign" ? { sign: remark.sign } : { warnings: [remark.why] });
    }
    const unread = unreadable.flatMap(({ uuid }) => (gpus.has(uuid) ? [] : [uuid]));
    const measurements = new Map(
      answers.flatMap(({ csv, xml }) =>
        xml?.measurements === undefined ? [] : [[csv.uuid, xml.measurements] as const],
      ),
    );
    const all = byIndex([...gpus.values()]);
    return { gpus: all, conditions, measurements, processes, unread: new Set(unread) };
  }

  /** Among the cards of this answer and of the one before. */
  #uuidOf(place: GpuPlace, gpus: ReadonlyMap<GpuUuid, GpuReport>): GpuUuid | null {
    const found = [...gpus.values(), ...this.#known.values()].find((gpu) =>
      isSameGpu(place, { busKey: busKey(gpu.pciBusId), index: gpu.index }),
    );
    return found?.uuid ?? null;
  }

  /** What is known of a card of which nothing was read now; null where that is not even its name. */
  #withoutReadings(uuid: GpuUuid, bad: readonly BadGpu[]): GpuReport | null {
    const known = this.#known.get(uuid);
    const listed = bad.find((gpu) => gpu.uuid === uuid)?.listed ?? null;
    if (known === undefined && listed === null) return null;
    return GpuReport.parse({
      ...NO_FACTS,
      ...known,
      ...listed,
      ...NO_READINGS,
      simulated: this.#simulated,
      health: "unknown",
    });
  }

  /** By their UUIDs, and those of which a value is none that a report could hold. */
  #reportsOf(answers: readonly GpuAnswer[]): {
    gpus: Map<GpuUuid, GpuReport>;
    unreadable: { uuid: GpuUuid; error: NvidiaSmiError }[];
  } {
    const gpus = new Map<GpuUuid, GpuReport>();
    const unreadable: { uuid: GpuUuid; error: NvidiaSmiError }[] = [];
    for (const { csv, xml } of answers) {
      const known = Object.fromEntries(Object.entries(csv).filter(([, value]) => value !== null));
      const facts = { ...csv, ...xml, ...known, simulated: this.#simulated, health: "unknown" };
      const { success, data, error: cause } = GpuReport.safeParse(facts);
      if (success) gpus.set(csv.uuid, data);
      else unreadable.push({ uuid: csv.uuid, error: undescribed(csv.uuid, cause) });
    }
    return { gpus, unreadable };
  }

  #deadlineAt(): number {
    return performance.now() + this.#deadlineMs;
  }
}

/** Of a card that is known by the list alone. */
const NO_FACTS = {
  brand: null,
  architecture: null,
  pciBusId: null,
  driverVersion: null,
  computeCapability: null,
  memoryTotalMib: null,
  temperatureLimitC: null,
  powerLimitW: null,
  migEnabled: null,
};
const NO_READINGS = {
  memoryUsedMib: null,
  utilizationPercent: null,
  temperatureC: null,
  powerW: null,
  eccUncorrected: null,
  throttleReasons: null,
  repairPending: null,
  repairFailed: null,
};

function undescribed(uuid: GpuUuid, cause: unknown): NvidiaSmiError {
  return new NvidiaSmiError("garbage", `nvidia-smi describes card ${uuid} in no readable way`, { cause });
}

function byIndex(gpus: readonly GpuReport[]): GpuReport[] {
  return gpus.toSorted((a, b) => a.index - b.index);
}

function whole(csv: GpuCondition, xml: GpuCondition | undefined): GpuCondition {
  return xml === undefined ? csv : bothConditions(csv, xml);
}
