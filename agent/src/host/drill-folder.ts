/**
 * The files of drills, in a folder of the agent's state that root alone reads: what a drill that runs has the agent see,
 * the file by which it takes room of the disk, and the certificate of the last one.
 */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SignedDrill } from "@remotegpu/shared/messages/drill-report";
import { GpuUuid } from "@remotegpu/shared/values/ids";
import { z } from "zod";

/** They hold only while the drill's process lives: a drill that is killed leaves nothing that lasts. */
const Switches = z.object({
  pid: z.int().positive(),
  startTicks: z.int().nonnegative(),
  clockAheadMs: z.int(),
  lostCard: GpuUuid.nullable(),
});
export type Switches = z.infer<typeof Switches>;

export class DrillFolder {
  readonly #folder: string;

  constructor(stateDir: string) {
    this.#folder = join(stateDir, "drill");
  }

  get #switchFile(): string {
    return join(this.#folder, "running.json");
  }

  get #certificateFile(): string {
    return join(this.#folder, "certificate.json");
  }

  /** Takes up room of the state folder's file system. */
  get fillerFile(): string {
    return join(this.#folder, "filler");
  }

  /** Of a drill that runs or was killed; null where there is none. */
  switches(): Switches | null {
    return this.#read(this.#switchFile, Switches);
  }

  setSwitches(switches: Switches): void {
    this.#write(this.#switchFile, switches);
  }

  /** Null where no drill came to its end. */
  certificate(): SignedDrill | null {
    return this.#read(this.#certificateFile, SignedDrill);
  }

  setCertificate(certificate: SignedDrill): void {
    this.#write(this.#certificateFile, certificate);
  }

  /** What a drill leaves behind that does not last by itself, its certificate aside. */
  cleanUp(): void {
    rmSync(this.fillerFile, { force: true });
    rmSync(this.#switchFile, { force: true });
  }

  /** Whoever reads sees the old one or the new one, whole. */
  #write(file: string, content: object): void {
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    writeFileSync(`${file}.new`, JSON.stringify(content), { mode: 0o600 });
    renameSync(`${file}.new`, file);
  }

  /** What cannot be read counts as none: after a power cut it may be empty. */
  #read<Content>(file: string, schema: z.ZodType<Content>): Content | null {
    try {
      const parsed = schema.safeParse(JSON.parse(readFileSync(file, "utf8")));
      return parsed.success ? parsed.data : null;
    } catch (error) {
      if (error instanceof SyntaxError) return null;
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
      throw error;
    }
  }
}
