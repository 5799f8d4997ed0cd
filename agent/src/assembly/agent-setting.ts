/** What an agent is made from. */
import type { Log } from "@remotegpu/shared/log";
import type { Config } from "../config/config.ts";
import type { ServiceNotifier } from "../host/notify.ts";
import type { Journal } from "../journal/journal.ts";
import type { SavedCredential } from "../link/credential.ts";
import type { HostKey } from "../link/nkey.ts";
import type { Clock } from "../host/moment.ts";

export type AgentSetting = {
  config: Config;
  /** What this host has joined with. */
  credential: SavedCredential;
  key: HostKey;
  clock: Clock;
  /** Opened and closed by who starts the agent: it is there before it and after it. */
  journal: Journal;
  notifier: ServiceNotifier;
  /** How long one look by nvidia-smi may take; its own choice unless given. */
  checkWithinMs?: number;
  log: Log;
};
