/**
 * Tells systemd how the agent is: ready, alive, stopping. Node has no datagram socket for it, so systemd-notify
 * is run. Outside a unit (no NOTIFY_SOCKET) nobody asks and nothing is run.
 */
import { HostCommand } from "./host-command.ts";

const DEADLINE_MS = 5_000;
const MAX_OUTPUT_BYTES = 64 * 1024;
const MICROSECONDS_PER_MS = 1_000;
/** systemd acts when nothing came for the whole interval; a third leaves room for a slow turn of the loop. */
const PINGS_PER_INTERVAL = 3;

/** systemd could not be notified. The agent works on; an untold watchdog ends it in the end. */
export class NotifyError extends Error {
  override readonly name = "NotifyError";
}

export class ServiceNotifier {
  readonly #command: HostCommand | null;
  readonly #pingEveryMs: number | null;
  readonly #mainPid: number | null;
  #isReady = false;
  #lastPingMs = Number.NEGATIVE_INFINITY;
  /** Resolves when the words said so far have been told, or could not be. */
  #reported: Promise<unknown> = Promise.resolve();

  constructor({
    environment,
    path = "systemd-notify",
    mainPid,
  }: {
    environment: Readonly<Record<string, string | undefined>>;
    path?: string;
    /**
     * The process that says so, where systemd may take another one for the unit's main one. Told with each word, so that a
     * unit which was started anew beside it finds it in the end.
     */
    mainPid?: number;
  }) {
    const socket = environment["NOTIFY_SOCKET"] ?? "";
    const intervalMs = Number(environment["WATCHDOG_USEC"] ?? 0) / MICROSECONDS_PER_MS;
    this.#command =
      socket === ""
        ? null
        : new HostCommand({ path, maxOutputBytes: MAX_OUTPUT_BYTES, environment: { NOTIFY_SOCKET: socket } });
    this.#mainPid = mainPid ?? null;
    this.#pingEveryMs = intervalMs > 0 ? intervalMs / PINGS_PER_INTERVAL : null;
  }

  /** The agent serves: `systemctl start` returns. `status` is a line for `systemctl status`. @throws NotifyError */
  async ready(status: string): Promise<void> {
    await this.#notify([...this.#asMain, "READY=1", `STATUS=${oneLine(status)}`]);
    this.#isReady = true;
  }

  /**
   * Called at each turn of the loop; says so as often as the watchdog needs it.
   * @param isStarting it is not ready yet and waits for somebody else: its start may take as long as it lives
   * @throws NotifyError
   */
  async alive(nowMonotonicMs: number, { isStarting = false } = {}): Promise<void> {
    if (this.#pingEveryMs === null || nowMonotonicMs - this.#lastPingMs < this.#pingEveryMs) return;
    await this.#notify([
      "WATCHDOG=1",
      ...(isStarting ? [this.#moreTime] : []),
      ...this.#asMain,
      ...(this.#mainPid !== null && this.#isReady ? ["READY=1"] : []),
    ]);
    this.#lastPingMs = nowMonotonicMs;
  }

  /** Another process is the unit's main one from now on. @throws NotifyError */
  async handOver(pid: number): Promise<void> {
    await this.#notify([`MAINPID=${pid}`]);
  }

  /** @throws NotifyError */
  async stopping(): Promise<void> {
    await this.#notify(["STOPPING=1"]);
  }

  /** As much as the watchdog gives, so that a ping that is late ends nothing. */
  get #moreTime(): string {
    const intervalMs = (this.#pingEveryMs ?? 0) * PINGS_PER_INTERVAL;
    return `EXTEND_TIMEOUT_USEC=${intervalMs * MICROSECONDS_PER_MS}`;
  }

  get #asMain(): string[] {
    return this.#mainPid === null ? [] : [`MAINPID=${this.#mainPid}`];
  }

  /** One word at a time, in the order in which they are said: a stop must not be lost beside a ping. */
  async #notify(assignments: string[]): Promise<void> {
    const command = this.#command;
    if (command === null) return;
    const reporting = this.#reported.then(() => command.run(assignments, { deadlineMs: DEADLINE_MS }));
    this.#reported = reporting;
    const outcome = await reporting;
    if (outcome.kind === "ended" && outcome.exitCode === 0) return;
    const reason = outcome.kind === "ended" ? outcome.stderr.trim().slice(0, 200) : outcome.kind;
    throw new NotifyError(`systemd was not told ${assignments.join(" ")}: ${reason}`, {
      cause: outcome.kind === "missing" ? outcome.cause : undefined,
    });
  }
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, " ").slice(0, 200);
}
