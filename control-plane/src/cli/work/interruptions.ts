/**
 * Ctrl-C while something of the customer's is followed: whoever is at a terminal is asked what shall become of it;
 * anybody else only stops following.
 */

/** What was asked for by Ctrl-C. */
export type Wish = "cancel" | "detach";

export class Interruptions {
  /** What Ctrl-C meant; another while it asks means to detach, and one after that ends this process as any other. */
  readonly chosen: Promise<Wish>;
  #interrupted: () => void = () => undefined;
  #requesting: Promise<Wish> | null = null;

  constructor(ask: () => Promise<Wish> = askAtTerminal) {
    this.chosen = new Promise((resolve, reject) => {
      this.#interrupted = () => {
        if (this.#requesting !== null) return resolve("detach");
        this.#requesting = ask();
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

async function askAtTerminal(): Promise<Wish> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return "detach";
  const { createInterface } = await import("node:readline");
  const asking = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await new Promise<Wish>((resolve) => {
      // While it asks, the terminal's own Ctrl-C and its end come here.
      asking.on("SIGINT", () => resolve("detach"));
      asking.on("close", () => resolve("detach"));
      asking.question("\nCancel the job, or detach and let it go on? [c/D] ", (answer) =>
        resolve(/^c(ancel)?$/i.test(answer.trim()) ? "cancel" : "detach"),
      );
    });
  } finally {
    asking.close();
  }
}
