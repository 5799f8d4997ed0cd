/** When one of our processes is to read its settings and certificates again: on HUP, as other servers do. */

/**
 * HUP is heard from its making on, and no longer ends the process. What comes before `start`, or while the work runs, is
 * done once more afterwards; two runs never overlap.
 */
export class ReloadSignal {
  #work: (() => Promise<void>) | null = null;
  #isDue = false;
  #isRunning = false;

  constructor() {
    process.on("SIGHUP", () => {
      this.#isDue = true;
      void this.#run();
    });
  }

  /** @param work reports its own failures, and throws none but bugs */
  start(work: () => Promise<void>): void {
    this.#work = work;
    void this.#run();
  }

  async #run(): Promise<void> {
    if (this.#work === null || this.#isRunning) return;
    this.#isRunning = true;
    while (this.#isDue) {
      this.#isDue = false;
      await this.#work();
    }
    this.#isRunning = false;
  }
}
