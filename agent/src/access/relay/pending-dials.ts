/**
 * The ways into containers that the broker was asked for and has not answered: as many as may be, of all and of each place,
 * which may let each hang while its neighbours need theirs. One that is not answered in time leads nowhere.
 */
import { CountsByKey } from "@remotegpu/shared/counts-by-key";
import { type DialTarget, placeOf } from "./relay-messages.ts";

/** The broker gives up on a dial before. */
const ANSWER_WITHIN_MS = 15_000;
export const MAX_PENDING_DIALS = 1024;
export const MAX_PENDING_DIALS_OF_ONE = 256;

export class PendingDials<Dialled> {
  readonly #request: (dialId: number, target: DialTarget) => void;
  readonly #answers = new Map<number, (dialled: Dialled | null) => void>();
  readonly #into = new CountsByKey<string>();
  #lastId = 0;

  constructor(request: (dialId: number, target: DialTarget) => void) {
    this.#request = request;
  }

  /** Null where nothing is led to, or too many are asked for already. */
  dial(target: DialTarget): Promise<Dialled | null> {
    const place = placeOf(target);
    if (this.#into.all >= MAX_PENDING_DIALS || this.#into.of(place) >= MAX_PENDING_DIALS_OF_ONE)
      return Promise.resolve(null);
    this.#into.add(place);
    const dialId = (this.#lastId += 1);
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.answer(dialId, null), ANSWER_WITHIN_MS);
      this.#answers.set(dialId, (dialled) => {
        clearTimeout(timer);
        this.#into.remove(place);
        resolve(dialled);
      });
      this.#request(dialId, target);
    });
  }

  /** False where nobody waits for it any more. */
  answer(dialId: number, dialled: Dialled | null): boolean {
    const answered = this.#answers.get(dialId);
    this.#answers.delete(dialId);
    answered?.(dialled);
    return answered !== undefined;
  }
}
