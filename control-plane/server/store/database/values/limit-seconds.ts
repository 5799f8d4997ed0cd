/** SQL for how long a job may run, and how long its stop may take. */

/** Longer than anything runs; a limit beyond it is one that nobody wants. */
const MAX_LIMIT_SECONDS = 10 * 365 * 86_400;

/** How long a run of the job `alias` may take, by `config.max_minutes`; null where it may take as long as it likes. */
export function limitSeconds(alias: string): string {
  const minutes = `${alias}.config -> 'max_minutes'`;
  return `CASE WHEN jsonb_typeof(${minutes}) = 'number'
    THEN nullif(least(greatest(ceil((${minutes})::numeric * 60), 0), ${MAX_LIMIT_SECONDS}), 0)::bigint END`;
}

/** The grace where an order says none, as in desired-set.ts, and what a host has beyond it to say that it is over. */
const STANDARD_GRACE_SECONDS = 30;
const BEYOND_GRACE_SECONDS = 120;

/** How long a stop of the job `alias` may take, by `config.stop_grace_seconds`, until people are told. */
export function stopSeconds(alias: string): string {
  const seconds = `${alias}.config -> 'stop_grace_seconds'`;
  return `${BEYOND_GRACE_SECONDS} + CASE WHEN jsonb_typeof(${seconds}) = 'number'
    THEN (${seconds})::int ELSE ${STANDARD_GRACE_SECONDS} END`;
}
