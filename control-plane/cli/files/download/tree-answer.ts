/** A folder with all below it as one answer: its entries as they come, each with the bytes of a file that came along. */
import type { IncomingMessage } from "node:http";
import { TREE_TYPE, type TreeEntry, TreeLine } from "@remotegpu/shared/messages/files";
import { KIB } from "@remotegpu/shared/values/units";
import { CliError } from "../../framework/cli-error.ts";

const LINE_BREAK = 0x0a;
const MAX_LINE_BYTES = 16 * KIB;

export interface TreePart {
  entry: TreeEntry;
  /** Below the folder that was asked for, and never elsewhere. */
  path: Buffer;
  /** Null where they are fetched on their own, or there are none. */
  bytes: Buffer | null;
}

export function isTree({ headers }: IncomingMessage): boolean {
  return headers["content-type"] === TREE_TYPE;
}

/** @throws CliError where it breaks off */
export async function* partsOf(answer: IncomingMessage): AsyncGenerator<TreePart> {
  const incoming = new Incoming(answer);
  for (;;) {
    const line = TreeLine.parse(JSON.parse((await incoming.line()).toString()));
    if ("is_whole" in line) return;
    const bytes = line.sha256 === null ? null : await incoming.exactly(line.size ?? 0);
    yield { entry: line, path: pathOf(line), bytes };
  }
}

/** @throws CliError where it would lead anywhere else */
function pathOf({ path_base64: base64 }: TreeEntry): Buffer {
  const path = Buffer.from(base64, "base64url");
  const steps = path.toString("latin1").split("/");
  if (steps.some((step) => ["", ".", ".."].includes(step) || step.includes("\0")))
    throw new CliError("unavailable", "The server named a path that leads out of the folder.");
  return path;
}

class Incoming {
  readonly #pieces: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(answer: IncomingMessage) {
    this.#pieces = (answer as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
  }

  async line(): Promise<Buffer> {
    for (let from = 0; ;) {
      const end = this.#rest.indexOf(LINE_BREAK, from);
      if (end >= 0) return this.#take(end + 1);
      from = this.#rest.length;
      if (from > MAX_LINE_BYTES) throw brokenOff();
      this.#rest = Buffer.concat([this.#rest, await this.#next()]);
    }
  }

  async exactly(length: number): Promise<Buffer> {
    const pieces = [this.#rest];
    for (let had = this.#rest.length; had < length;) {
      const piece = await this.#next();
      pieces.push(piece);
      had += piece.length;
    }
    this.#rest = pieces.length === 1 ? this.#rest : Buffer.concat(pieces);
    return this.#take(length);
  }

  #take(length: number): Buffer {
    const taken = this.#rest.subarray(0, length);
    this.#rest = this.#rest.subarray(length);
    return taken;
  }

  async #next(): Promise<Buffer> {
    const next = await this.#pieces.next().catch((cause: unknown) => {
      throw brokenOff(cause);
    });
    if (next.done === true) throw brokenOff();
    return next.value;
  }
}

function brokenOff(cause?: unknown): CliError {
  return new CliError("unavailable", "The server broke off amid the folder; ask again.", { cause });
}
