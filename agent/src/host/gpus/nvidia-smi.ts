/**
 * Asks nvidia-smi, real or simulated, which cards there are, how they are, who uses them and how they are joined. CSV
 * gives identity, index and readings; XML fills in what CSV lacks. Health is judged in core/gpus/gpu-health.ts.
 */
import { GpuReport } from "@remotegpu/shared/host-report";
import type { GpuUuid } from "@remotegpu/shared/ids";
import type { NvlinkMap } from "../../core/gpus/nvlink-islands.ts";
import { HostCommand, type CommandOutcome } from "../host-command.ts";
import { parseGpuCsv } from "./nvidia-smi-csv.ts";
import { NvidiaSmiError } from "./nvidia-smi-error.ts";
import { parseTopology } from "./nvidia-smi-topology.ts";
import type { GpuFacts } from "./nvidia-smi-values.ts";
import { parseNvidiaSmiXml, type GpuProcess } from "./nvidia-smi-xml.ts";

export type GpuInventory = { gpus: GpuReport[]; processes: GpuProcess[] };
/** Who is on the cards that are there, and how much of each is used. */
export type CardUse = {
  cards: { uuid: GpuUuid; memoryUsedMib: number | null }[];
  processes: GpuProcess[];
};

/** Well below the 30 s within which a hung nvidia-smi must show. */
const DEADLINE_MS = 10_000;
/** `-q -x` of sixteen cards with every clock they support is about 2 MB. */
const MAX_OUTPUT_BYTES = 8 * 1024 * 1024;
const FIELDS = [
  "index",
  "uuid",
  "name",
  "pci.bus_id",
  "driver_version",
  "memory.total",
  "memory.used",
  "utilization.gpu",
  "temperature.gpu",
  "power.draw",
  "power.limit",
];
/** Drivers before 470 refuse a whole query for this field; it is then left out. */
const NEWER_FIELDS = ["compute_cap"];
const NO_CARDS = /^No devices (were )?found/im;

export class NvidiaSmi {
  readonly #command: HostCommand;
  /** Apart from the other: a question about the topology that hangs must not keep the cards from being looked after. */
  readonly #topologyCommand: HostCommand;
  readonly #simulated: boolean;
  readonly #deadlineMs: number;
  #fields = [...FIELDS, ...NEWER_FIELDS];
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
    const command = { path, maxOutputBytes: MAX_OUTPUT_BYTES, environment: { LC_ALL: "C" } };
    this.#command = new HostCommand(command);
    this.#topologyCommand = new HostCommand(command);
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
    const { stdout } = await this.#ask(["-q", "-x"], performance.now() + this.#deadlineMs);
    const { gpus, processes } = parseNvidiaSmiXml(stdout);
    return { cards: gpus.map(({ uuid, memoryUsedMib }) => ({ uuid, memoryUsedMib })), processes };
  }

  /** How the cards are joined; one question at a time, a second one meanwhile "hangs". @throws NvidiaSmiError */
  async nvlinks(): Promise<NvlinkMap> {
    const deadlineAt = performance.now() + this.#deadlineMs;
    const { stdout } = await this.#ask(["topo", "-m"], deadlineAt, { command: this.#topologyCommand });
    return parseTopology(stdout);
  }

  async #takeInventory(): Promise<GpuInventory> {
    const deadlineAt = performance.now() + this.#deadlineMs;
    const csv = await this.#queryCards(deadlineAt);
    if (csv === null) return { gpus: [], processes: [] };
    const xml = await this.#ask(["-q", "-x"], deadlineAt);
    const facts = parseGpuCsv(csv);
    const { gpus: xmlFacts, processes } = parseNvidiaSmiXml(xml.stdout);
    const byUuid = new Map(xmlFacts.map((card) => [card.uuid, card]));
    return {
      gpus: facts.map((card) => this.#report(card, byUuid.get(card.uuid))),
      processes,
    };
  }

  /** The CSV of all cards, or null where there is none. */
  async #queryCards(deadlineAt: number): Promise<string | null> {
    const query = () => [`--query-gpu=${this.#fields.join(",")}`, "--format=csv"];
    let answer = await this.#ask(query(), deadlineAt, { mayFail: true });
    if (answer.exitCode !== 0 && answer.stdout.includes("not a valid field")) {
      this.#fields = FIELDS;
      answer = await this.#ask(query(), deadlineAt, { mayFail: true });
    }
    if (NO_CARDS.test(answer.stdout)) return null;
    if (answer.exitCode !== 0) throw this.#refused(answer);
    return answer.stdout;
  }

  async #ask(args: string[], deadlineAt: number, { mayFail = false, command = this.#command } = {}) {
    const deadlineMs = Math.max(1, deadlineAt - performance.now());
    const outcome = await command.run(args, { deadlineMs });
    switch (outcome.kind) {
      case "ended":
        if (outcome.exitCode !== 0 && !mayFail) throw this.#refused(outcome);
        return outcome;
      case "missing":
        throw new NvidiaSmiError("missing", `${command.path} cannot be run`, { cause: outcome.cause });
      case "hung":
        throw new NvidiaSmiError("hung", `${command.path} gave no answer in ${this.#deadlineMs} ms`);
      case "too-much-output":
        throw new NvidiaSmiError("garbage", `${command.path} printed over ${MAX_OUTPUT_BYTES} bytes`);
    }
  }

  #refused(answer: Extract<CommandOutcome, { kind: "ended" }>): NvidiaSmiError {
    const [words = ""] = (answer.stdout.trim() || answer.stderr.trim()).split("\n");
    const said = words === "" ? "said nothing" : `said: ${words.slice(0, 200)}`;
    return new NvidiaSmiError("garbage", `${this.#command.path} ended with ${answer.exitCode} and ${said}`);
  }

  #report(csv: GpuFacts, xml: GpuFacts | undefined): GpuReport {
    const known = Object.entries(csv).filter(([, value]) => value !== null);
    const parsed = GpuReport.safeParse({
      ...csv,
      ...xml,
      ...Object.fromEntries(known),
      simulated: this.#simulated,
      health: "unknown",
    });
    if (parsed.success) return parsed.data;
    throw new NvidiaSmiError("garbage", `nvidia-smi describes card ${csv.uuid} in no readable way`, {
      cause: parsed.error,
    });
  }
}
