/** Which rows of other tables are of an inference service, as SQL; their kind is compared here alone. */

/** The row `row` of `instances` or `events` is of the service with this id. */
export const isOfService = (row: string, id: string) =>
  `${row}.workload_kind = 'inference' AND ${row}.workload_id = ${id}`;
