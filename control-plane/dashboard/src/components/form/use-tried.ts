/** Something is asked by POST that changes nothing: an estimate, an order that is only tried. */
import { useQuery, type UseQueryResult } from "@tanstack/react-query";
import { request, newKey } from "../../api/client.ts";

/** @param asked the body as JSON; null: not yet */
export function useTried<Answer>(path: string, requested: string | null): UseQueryResult<Answer> {
  return useQuery({
    queryKey: ["tried", path, requested],
    queryFn: ({ signal }) =>
      request<Answer>("POST", path, {
        body: JSON.parse(requested ?? "null") as unknown,
        signal,
        idempotencyKey: newKey(),
      }),
    enabled: requested !== null,
    retry: false,
  });
}
