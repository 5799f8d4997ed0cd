/** Takes toolboxes of earlier agents away once the last container that was made with them is gone. Looks once an hour. */
import type { Log } from "@remotegpu/shared/log";
import { MS_PER_HOUR } from "@remotegpu/shared/values/units";
import type { Runtime } from "../runtime/runtime.ts";
import { removeUnusedToolboxes } from "../toolbox/toolbox.ts";

export class ToolboxCleaner {
  readonly #runtime: Pick<Runtime, "toolboxPath" | "boundFolders">;
  readonly #log: Log;
  #checkedMs = Number.NEGATIVE_INFINITY;

  constructor({ runtime, log }: { runtime: Pick<Runtime, "toolboxPath" | "boundFolders">; log: Log }) {
    this.#runtime = runtime;
    this.#log = log;
  }

  /** @throws RuntimeError, RuntimeDown; it is tried again then */
  async cleanWhenDue(nowMs: number): Promise<void> {
    if (nowMs - this.#checkedMs < MS_PER_HOUR) return;
    const removed = await removeUnusedToolboxes(this.#runtime.toolboxPath, () =>
      this.#runtime.boundFolders(),
    );
    this.#checkedMs = nowMs;
    if (removed.length > 0) this.#log.info({ removed }, "toolboxes that no container uses were removed");
  }
}
