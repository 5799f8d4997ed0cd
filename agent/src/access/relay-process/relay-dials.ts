/**
 * Ways into containers that the relay asks for: so many at once, made by whoever leads it, and none where that fails. A
 * program that takes no connection holds each for seconds, so those to one place wait for their turn.
 */
import { KeyedSemaphore } from "@remotegpu/shared/keyed-semaphore";
import { DialError } from "../../host/inside/dial.ts";
import type { Dialled, RelayHandlers } from "./relay-handlers.ts";
import { type DialTarget, placeOf } from "../relay/relay-messages.ts";

const MAX_DIALS = 256;
const MAX_OF_ONE = 32;

export class RelayDials {
  #by: RelayHandlers["dial"] = () => Promise.reject(new DialError("nobody leads this relay yet"));
  readonly #turns = new KeyedSemaphore({ atOnce: MAX_OF_ONE });
  #open = 0;

  /** Who is asked from now on. */
  by(dial: RelayHandlers["dial"]): void {
    this.#by = dial;
  }

  /** Null: there is no way now. */
  async dial(target: DialTarget): Promise<Dialled | null> {
    return await this.#turns.during(placeOf(target), () => this.#dialNow(target));
  }

  async #dialNow(target: DialTarget): Promise<Dialled | null> {
    if (this.#open >= MAX_DIALS) return null;
    this.#open += 1;
    try {
      return await this.#by(target);
    } catch (error) {
      if (!(error instanceof DialError)) throw error;
      return null;
    } finally {
      this.#open -= 1;
    }
  }
}
