/**
 * One query of nvidia-smi for the values of GPUs, of all or of one: CSV gives identity, index and readings, XML what CSV
 * lacks. How a failure is told apart is core/gpus/query-exits.ts; who is asked when is single-queries.ts.
 */
import type { GpuUuid } from "@remotegpu/shared/values/ids";
import { exitMeaning } from "../../../core/gpus/query-exits.ts";
import { remarksIn, type Remark } from "../../../core/gpus/query-remarks.ts";
import { HostCommand, type CommandOutcome } from "../../host-command.ts";
import { parseGpuCsv } from "./nvidia-smi-csv.ts";
import { NvidiaSmiError } from "./nvidia-smi-error.ts";
import type { ReadGpu, UnidentifiedGpu } from "./nvidia-smi-values.ts";
import { parseNvidiaSmiXml, type GpuProcess, type XmlInventory } from "./nvidia-smi-xml.ts";

/** What CSV and XML say of one GPU. */
export type GpuAnswer = { csv: ReadGpu; xml: ReadGpu | null };

export type GpuAnswers = {
  answers: GpuAnswer[];
  unidentified: UnidentifiedGpu[];
  processes: GpuProcess[];
  remarks: Remark[];
};

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
  "compute_cap",
];
/** Without them no line says whose it is, so that they are never left out. */
const IDENTITY = ["uuid", "name"];
const REFUSED_FIELD = /^Field "([^"]{1,64})" is not a valid field to query/m;
const NO_GPUS = /^No devices (were )?found/im;

type Ended = Extract<CommandOutcome, { kind: "ended" }>;
/** What is asked, of whom, and until when on the clock of `performance.now()`. */
export type Query = { deadlineAt: number; lane: string; only?: GpuUuid };

export class GpuQuery {
  readonly #path: string;
  /** One child at a time of each lane, so that one that hangs keeps no other from being asked. */
  readonly #lanes = new Map<string, HostCommand>();
  /** Those that this driver knows: old ones lack the newest, new ones may lose the oldest. */
  #fields = FIELDS;

  /** `path` is an executable or a name on the PATH. */
  constructor(path: string) {
    this.#path = path;
  }

  /** @throws NvidiaSmiError */
  async answers(query: Query): Promise<GpuAnswers> {
    const csv = await this.#csv(query);
    if (csv === null) return { answers: [], unidentified: [], processes: [], remarks: [] };
    const xml = await this.request(["-q", "-x", ...onlyOf(query)], query);
    return answersIn(csv, xml);
  }

  /** A whole answer. @throws NvidiaSmiError */
  async request(args: readonly string[], query: Query): Promise<Ended> {
    const ended = await this.#run(args, query);
    if (exitMeaning(ended.exitCode).kind !== "complete") throw this.#refused(ended);
    return ended;
  }

  /** The CSV, or null where there is no GPU. */
  async #csv(query: Query): Promise<Ended | null> {
    let ended = await this.#run(this.#csvArguments(query), query);
    for (let tries = FIELDS.length; this.#forgetRefusedField(ended) && tries > 0; tries -= 1)
      ended = await this.#run(this.#csvArguments(query), query);
    if (NO_GPUS.test(ended.stdout)) return null;
    if (exitMeaning(ended.exitCode).kind !== "complete") throw this.#refused(ended);
    return ended;
  }

  #csvArguments(query: Query): string[] {
    return [`--query-gpu=${this.#fields.join(",")}`, "--format=csv", ...onlyOf(query)];
  }

  /** A driver refuses a whole query for one field that it does not know. */
  #forgetRefusedField({ exitCode, stdout }: Ended): boolean {
    const refused = exitCode === 0 ? undefined : REFUSED_FIELD.exec(stdout)?.[1];
    if (refused === undefined || !this.#fields.includes(refused) || IDENTITY.includes(refused)) return false;
    this.#fields = this.#fields.filter((field) => field !== refused);
    return true;
  }

  async #run(args: readonly string[], { deadlineAt, lane }: Query): Promise<Ended> {
    const path = this.#path;
    const deadlineMs = Math.max(1, Math.ceil(deadlineAt - performance.now()));
    const outcome = await this.#commandOf(lane).run(args, { deadlineMs });
    switch (outcome.kind) {
      case "ended":
        return outcome;
      case "missing":
        throw new NvidiaSmiError("missing", `${path} cannot be run`, { cause: outcome.cause });
      case "hung":
        throw new NvidiaSmiError("hung", `${path} gave no answer in ${deadlineMs} ms`);
      case "too-much-output":
        throw new NvidiaSmiError("garbage", `${path} printed over ${MAX_OUTPUT_BYTES} bytes`);
    }
  }

  #commandOf(lane: string): HostCommand {
    const known = this.#lanes.get(lane);
    if (known !== undefined) return known;
    const command = new HostCommand({
      path: this.#path,
      maxOutputBytes: MAX_OUTPUT_BYTES,
      environment: { LC_ALL: "C" },
    });
    this.#lanes.set(lane, command);
    return command;
  }

  #refused({ exitCode, stdout, stderr }: Ended): NvidiaSmiError {
    const output = `${stdout.trim()}\n${stderr.trim()}`.trim();
    const [words = ""] = output.split("\n");
    const text = words === "" ? "said nothing" : `said: ${words.slice(0, 200)}`;
    const { meaning } = exitMeaning(exitCode);
    return new NvidiaSmiError("garbage", `${this.#path} ended with ${exitCode} (${meaning}) and ${text}`, {
      end: { exitCode, output },
    });
  }
}

function onlyOf({ only }: Query): string[] {
  return only === undefined ? [] : [`--id=${only}`];
}

/** @throws NvidiaSmiError garbage, with how the command ended */
function answersIn(csv: Ended, xml: Ended): GpuAnswers {
  const output = [csv.stdout, csv.stderr, xml.stderr].join("\n");
  const facts = readable(csv, () => parseGpuCsv(csv.stdout));
  const inventory: XmlInventory = readable(xml, () => parseNvidiaSmiXml(xml.stdout));
  const byUuid = new Map(inventory.gpus.map((gpu) => [gpu.uuid, gpu]));
  return {
    answers: facts.gpus.map((gpu) => ({ csv: gpu, xml: byUuid.get(gpu.uuid) ?? null })),
    unidentified: [...facts.unidentified, ...inventory.unidentified],
    processes: inventory.processes,
    remarks: remarksIn(output, csv.exitCode),
  };
}

/** A failure to read keeps what was said: it may name the GPU that spoils the answer. */
function readable<Read>(ended: Ended, read: () => Read): Read {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof NvidiaSmiError)) throw error;
    const output = `${ended.stdout}\n${ended.stderr}`;
    throw new NvidiaSmiError(error.kind, error.message, {
      cause: error.cause,
      end: { exitCode: ended.exitCode, output },
    });
  }
}
