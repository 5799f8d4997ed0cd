/**
 * What is acknowledged, an order or money, is with a standby first, where an administrator requires that (`standby
 * require`): its transaction commits by remote_apply and is refused where no synchronous standby is attached. So what a
 * former primary takes, when it comes back, is never acknowledged: no standby follows it.
 */
import type { Client, PoolClient } from "pg";
import { hostOf } from "./connection/driver-internals.ts";

/** How long a commit waits for the standby. */
export const CONFIRM_WITHIN_MS = 5_000;
/** The server that is told to give up may hang itself. */
const CANCEL_WITHIN_MS = 5_000;
/** Where Postgres says, in any language, that a commit is not with its standby. */
const WAIT_FOR_STANDBY = "SyncRepWaitForLSN";

/** Goes out with the first statement of a transaction, and answers no row where nothing is required. */
export const REQUEST_CONFIRMATION = `
  SELECT set_config('synchronous_commit', 'remote_apply', true), pg_backend_pid() AS pid,
         EXISTS (SELECT FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum')) AS attached
    FROM cluster_state WHERE standby_required`;

export interface Confirmation {
  /** The session that waits. */
  pid: number;
  /** Without one a commit would wait for nobody. */
  attached: boolean;
}

/** No standby could confirm it: nothing was done. */
export class StandbyMissingError extends Error {
  override readonly name = "StandbyMissingError";

  constructor() {
    super("a standby must confirm what is acknowledged, and no synchronous standby is attached");
  }
}

/** It was committed, and may be lost with the primary: nobody knows, and repeating it settles it. */
export class UnconfirmedCommitError extends Error {
  override readonly name = "UnconfirmedCommitError";

  constructor(cause: unknown) {
    super("the standby did not confirm a commit in time", { cause });
  }
}

/**
 * Runs `commit`, and has the wait for the standby given up after CONFIRM_WITHIN_MS: by the statement's own bound Postgres
 * gives up no commit, and its rows would stay locked.
 * @param makeClient of a connection to the same server, not yet connected
 * @returns what `commit` does, and whether the standby has confirmed it
 */
export async function confirmed<T>(
  client: PoolClient,
  { pid, makeClient }: { pid: number; makeClient: () => Client },
  commit: (timeoutMs: number) => Promise<T>,
): Promise<{ answer: T; isConfirmed: boolean }> {
  let isConfirmed = true;
  const noticed = ({ routine }: { routine?: string | undefined }) => {
    if (routine === WAIT_FOR_STANDBY) isConfirmed = false;
  };
  const timer = setTimeout(() => void giveUpWaiting(makeClient(), client, pid), CONFIRM_WITHIN_MS);
  client.on("notice", noticed);
  try {
    const answer = await commit(CONFIRM_WITHIN_MS + CANCEL_WITHIN_MS);
    return { answer, isConfirmed };
  } finally {
    clearTimeout(timer);
    client.off("notice", noticed);
  }
}

/** Asked of the session by its number, since behind a pooler only Postgres knows which one waits. */
async function giveUpWaiting(canceller: Client, waiting: PoolClient, pid: number): Promise<void> {
  // The bound is read by the driver, of which its types do not tell.
  const cancel = {
    text: "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE pid = $1 AND wait_event = 'SyncRep'",
    values: [pid],
    query_timeout: CANCEL_WITHIN_MS,
  };
  Object.assign(canceller, hostOf(waiting));
  // What it fails by is reported by the commit itself, which has its own bound.
  canceller.on("error", () => undefined);
  try {
    await canceller.connect();
    await canceller.query(cancel);
  } catch {
    // As above.
  } finally {
    canceller.connection.stream.destroy();
  }
}
