/** A screen that nobody sees, clients of RDP on it, and what it shows. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "../support/eventually.ts";

const WIDTH = 1024;
const HEIGHT = 768;
const PIXEL_BYTES = 4;
/** In the header of a picture as X writes it (XWD): its own length, and how many colours of 12 bytes follow. */
const HEADER = { lengthAt: 0, coloursAt: 76, colourBytes: 12 };

export class Screen {
  readonly #folder: string;
  readonly #display: string;
  readonly #server: ChildProcess;

  private constructor(folder: string, display: string, server: ChildProcess) {
    this.#folder = folder;
    this.#display = display;
    this.#server = server;
  }

  static async open(): Promise<Screen> {
    const folder = await mkdtemp(join(tmpdir(), "rg-screen-"));
    const words = ["-displayfd", "1", "-screen", "0", `${WIDTH}x${HEIGHT}x24`, "-fbdir", folder];
    const server = spawn("Xvfb", words, { stdio: ["ignore", "pipe", "ignore"] });
    let output = "";
    server.stdout?.on("data", (chunk: Buffer) => (output += String(chunk)));
    const number = await eventually(() => /^\d+\n/.test(output) && output.trim(), {
      withinMs: 60_000,
      what: "a screen",
    });
    return new Screen(folder, `:${number}`, server);
  }

  /** A client that is at this address until it is ended. Nothing of it stands on its command line. */
  client(address: string, password: string): ChildProcess {
    const args = [
      `/v:${address}`,
      "/u:root",
      `/p:${password}`,
      "/cert:ignore",
      `/size:${WIDTH}x${HEIGHT}`,
      "/log-level:ERROR",
    ];
    const client = spawn("xfreerdp3", ["/args-from:stdin"], {
      env: { ...process.env, DISPLAY: this.#display, HOME: this.#folder },
      stdio: ["pipe", "ignore", "ignore"],
    });
    client.stdin.end(`${args.join("\n")}\n`);
    return client;
  }

  /** How many pixels have each colour, the most frequent first. */
  async colours(): Promise<number[]> {
    const picture = await readFile(join(this.#folder, "Xvfb_screen0"));
    const from =
      picture.readUInt32BE(HEADER.lengthAt) + picture.readUInt32BE(HEADER.coloursAt) * HEADER.colourBytes;
    const counts = new Map<number, number>();
    for (let at = from; at < from + WIDTH * HEIGHT * PIXEL_BYTES; at += PIXEL_BYTES) {
      const colour = picture.readUIntLE(at, PIXEL_BYTES - 1);
      counts.set(colour, (counts.get(colour) ?? 0) + 1);
    }
    return [...counts.values()].toSorted((a, b) => b - a);
  }

  async close(): Promise<void> {
    await ended(this.#server);
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** Ends it, and waits for that. */
export async function ended(program: ChildProcess): Promise<void> {
  if (program.exitCode !== null || program.signalCode !== null) return;
  const exit = once(program, "exit");
  program.kill();
  await exit;
}
