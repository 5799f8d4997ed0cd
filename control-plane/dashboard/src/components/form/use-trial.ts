/** What an order would come to, once its typing rests: an estimate, or a trial of the order. Nothing is ordered. */
import type { ApiRequest } from "@remotegpu/control-plane/client/api-request";
import { useDebouncedValue } from "@mantine/hooks";
import { keepPreviousData, skipToken, useQuery, type UseQueryResult } from "@tanstack/react-query";
import { useMemo } from "react";
import { send } from "../../api/client.ts";
import { POLL_MS } from "../../api/query-client.ts";

interface TrialOf {
  typingMs?: number;
  /** True: the answer is read again by itself and stays until the next one comes. */
  isPolled?: boolean;
}

const TYPING_MS = 600;

/** @param request null: there is too little yet */
export function useTrial<Answer>(
  request: ApiRequest<Answer> | null,
  { typingMs = TYPING_MS, isPolled = false }: TrialOf = {},
): UseQueryResult<Answer> {
  const settled = useSettled(request, typingMs);
  return useQuery({
    queryKey: ["trial", settled?.path, settled?.body],
    queryFn: settled === null ? skipToken : ({ signal }) => send(settled, { signal }),
    retry: false,
    ...(isPolled && { refetchInterval: POLL_MS, placeholderData: keepPreviousData }),
  });
}

/** The same object for as long as its text is the same. */
function useSettled<Value extends object | null>(value: Value, afterMs: number): Value {
  const [text] = useDebouncedValue(JSON.stringify(value), afterMs);
  return useMemo(() => JSON.parse(text) as Value, [text]);
}
