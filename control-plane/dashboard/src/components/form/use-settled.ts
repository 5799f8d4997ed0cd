/** What is being typed, once the typing rests. */
import { useDebouncedValue } from "@mantine/hooks";
import { useMemo } from "react";

/** The same object for as long as it says the same. */
export function useSettled<Body extends object | null>(body: Body, afterMs: number): Body {
  const [text] = useDebouncedValue(JSON.stringify(body), afterMs);
  return useMemo(() => JSON.parse(text) as Body, [text]);
}
