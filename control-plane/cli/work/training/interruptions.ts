/**
 * Ctrl-C while something of the customer's is followed: whoever is at a terminal is asked what shall become of it;
 * anybody else only stops following.
 */

/** What was asked for by Ctrl-C. */
export type InterruptChoice = "cancel" | "detach";

export class Interruptions {
  /** What Ctrl-C meant; another while it asks means to detach, and one after that ends this process as any other. */
  readonly chosen: Promise<InterruptChoice>;
  #interrupted: () => void = () => undefined;
  #requesting: Promise<InterruptChoice> | null = null;

  constructor(request: () => Promise<InterruptChoice> = promptAtTerminal) {
    this.chosen = new Promise((resolve, reject) => {
      this.#interrupted = () => {
        if (this.#requesting !== null) return resolve("detach");
        this.#requesting = request();
        void this.#requesting.then(resolve, reject).finally(() => this.end());
      };
    });
    process.on("SIGINT", this.#interrupted);
  }

  /** Resolves when nobody is being asked: what is shown meanwhile would hide the question. */
  async quiet(): Promise<void> {
    await this.#requesting;
  }

  /** Ctrl-C is this process's own again. */
  end(): void {
    process.off("SIGINT", this.#interrupted);
  }
}

async function promptAtTerminal(): Promise<InterruptChoice> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return "detach";
  const { createInterface } = await import("node:readline");
  const requesting = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await new Promise<InterruptChoice>((resolve) => {
      // While it asks, the terminal's own Ctrl-C and its end come here.
      requesting.on("SIGINT", () => resolve("detach"));
      requesting.on("close", () => resolve("detach"));
      requesting.question("\nCancel the job, or detach and let it go on? [c/D] ", (answer) =>
        resolve(/^c(ancel)?$/i.test(answer.trim()) ? "cancel" : "detach"),
      );
    });
  } finally {
    requesting.close();
  }
}
