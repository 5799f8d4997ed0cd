/** SQL for how long a job may run. */

/** Longer than anything runs; a limit beyond it is one that nobody wants. */
const MAX_LIMIT_SECONDS = 10 * 365 * 86_400;

/** How long a run of the job `alias` may take, by `config.max_minutes`; null where it may take as long as it likes. */
export function limitSeconds(alias: string): string {
  const minutes = `${alias}.config -> 'max_minutes'`;
  return `CASE WHEN jsonb_typeof(${minutes}) = 'number'
    THEN nullif(least(greatest(ceil((${minutes})::numeric * 60), 0), ${MAX_LIMIT_SECONDS}), 0)::bigint END`;
}
