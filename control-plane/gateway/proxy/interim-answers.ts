/** Answers that are only on the way to the one: an upstream may send a few, and none of them goes on. */
import type { Dispatcher } from "undici";

const ENDLESS = new Error("there is no end of interim answers");
/** Before the answer itself; servers send one or two. */
const MAX_INTERIM_ANSWERS = 32;

export class InterimAnswers {
  #count = 0;

  /** Whether this is one of them. One too many ends the request. */
  takes(status: number, controller: Dispatcher.DispatchController): boolean {
    if (status >= 200) return false;
    this.#count += 1;
    if (this.#count > MAX_INTERIM_ANSWERS) controller.abort(ENDLESS);
    return true;
  }
}
