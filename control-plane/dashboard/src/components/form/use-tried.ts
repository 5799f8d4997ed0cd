/** Something is asked by POST that changes nothing: an estimate, an order that is only tried. */
import type { ApiRequest } from "@remotegpu/control-plane/client/api-request";
import { skipToken, useQuery, type UseQueryResult } from "@tanstack/react-query";
import { newKey, send } from "../../api/client.ts";

/** @param request null: not yet */
export function useTried<Answer>(request: ApiRequest<Answer> | null): UseQueryResult<Answer> {
  return useQuery({
    queryKey: ["tried", request?.path, request?.body],
    queryFn:
      request === null ? skipToken : ({ signal }) => send(request, { signal, idempotencyKey: newKey() }),
    retry: false,
  });
}
