/** `run`: looks after this host until it is told to end. */
import { randomUUID } from "node:crypto";
import { mkdirSync } from "node:fs";
import { JournalId } from "@remotegpu/shared/values/ids";
import type { Log } from "@remotegpu/shared/log";
import { startAgent } from "../assembly/agent-assembly.ts";
import { keyFile, type Config } from "../config/config.ts";
import { monotonicMs, readBootId } from "../host/clock.ts";
import type { ServiceNotifier } from "../host/notify.ts";
import { openJournal, type Journal } from "../journal/journal.ts";
import { openHostKey } from "../link/nkey.ts";
import { ending, endingSignal } from "@remotegpu/shared/ending";
import { membershipOf } from "./membership.ts";

/** @throws CommandRefusedError, FolderLockedError, ToolboxError, MachineFactsError */
export async function run(
  config: Config,
  { notifier, log }: { notifier: ServiceNotifier; log: Log },
): Promise<void> {
  const { stateDir } = config;
  // Also while it starts: then it ends as soon as it has started.
  const told = endingSignal();
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  const credential = membershipOf(stateDir, `${stateDir} belongs to no fleet yet: join first.`);
  const key = openHostKey(keyFile(stateDir));
  const clock = { bootId: await readBootId(), monotonicMs, wallMs: () => Date.now() };
  const journal = journalOf(stateDir, log);
  const agent = await startAgent({ config, credential, key, clock, journal, notifier, log });
  await ending(config, told);
  log.info({}, `ending in order; containers ${config.cleanOnExit ? "are removed" : "go on"}`);
  await agent.end();
  journal.close();
}

function journalOf(stateDir: string, log: Log): Journal {
  const journal = openJournal({ folder: stateDir, newJournalId: () => JournalId.parse(randomUUID()) });
  if (journal.origin === "replaced")
    log.error({}, "the journal was unreadable; it was set aside and a new one begun");
  if (Object.values(journal.damage).some((found) => (Array.isArray(found) ? found.length > 0 : found > 0)))
    log.error(journal.damage, "parts of the journal had changed by themselves and were mended");
  return journal;
}
