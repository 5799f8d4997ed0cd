/** Which rows of other tables are of an environment, as SQL; their kind is compared here alone. */

/** The row `row` of `instances` or `events` is of the environment with this id. */
export const isOfEnvironment = (row: string, id: string) =>
  `${row}.workload_kind = 'environment' AND ${row}.workload_id = ${id}`;
