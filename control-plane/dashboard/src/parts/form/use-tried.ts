/** Something is asked by POST that changes nothing: an estimate, an order that is only tried. */
import { useQuery, type UseQueryResult } from "@tanstack/react-query";
import { ask, newKey } from "../../api/client.ts";

/** @param asked the body as JSON; null: not yet */
export function useTried<Answer>(path: string, asked: string | null): UseQueryResult<Answer> {
  return useQuery({
    queryKey: ["tried", path, asked],
    queryFn: ({ signal }) =>
      ask<Answer>("POST", path, {
        body: JSON.parse(asked ?? "null") as unknown,
        signal,
        idempotencyKey: newKey(),
      }),
    enabled: asked !== null,
    retry: false,
  });
}
