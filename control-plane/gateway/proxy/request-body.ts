/**
 * A request's body on its way to a container. Nothing of it is read before whoever sends it on has a connection and asks for
 * it: an attempt that finds none leaves the body whole. Its end by the container ends no connection of the client.
 */
import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";

export class RequestBody extends Readable {
  readonly #request: IncomingMessage;
  readonly #begun: (body: RequestBody) => void;
  #isBegun = false;
  /** What came last found no room. */
  writableNeedDrain = false;

  constructor(request: IncomingMessage, begun: (body: RequestBody) => void) {
    super();
    this.#request = request;
    this.#begun = begun;
    this.on("error", () => undefined);
  }

  override _read(): void {
    if (!this.#isBegun) return this.#begin();
    // Whoever else has it paused says when it goes on.
    if (!this.writableNeedDrain) return;
    this.writableNeedDrain = false;
    this.#request.resume();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (this.#isBegun) {
      // What its container did not want is of no interest, but the client may say it to its end.
      this.#request.off("data", this.#pass).off("end", this.#end).resume();
    }
    done(error);
  }

  #begin(): void {
    this.#isBegun = true;
    this.#request.on("data", this.#pass).on("end", this.#end);
    this.#begun(this);
  }

  readonly #pass = (piece: Buffer): void => {
    if (this.push(piece)) return;
    this.writableNeedDrain = true;
    this.#request.pause();
  };

  readonly #end = (): void => void this.push(null);
}
