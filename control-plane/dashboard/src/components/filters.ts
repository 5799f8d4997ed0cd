/** Filters live in the address: a page is found again, shared and gone back to with them. */
import { type RouterHistory, useRouter, useRouterState } from "@tanstack/react-router";
import { useCallback, useMemo } from "react";

/** `const [filters, setFilters] = useFilters(["status", "name"])`; what is not set is "". */
export function useFilters<Name extends string>(
  names: readonly Name[],
): [Record<Name, string>, (changed: Partial<Record<Name, string>>) => void] {
  const router = useRouter();
  const text = useRouterState({ select: ({ location }) => location.searchStr });
  const key = names.join();
  const filters = useMemo(() => {
    const words = new URLSearchParams(text);
    return Object.fromEntries(key.split(",").map((name) => [name, words.get(name) ?? ""])) as Record<
      Name,
      string
    >;
  }, [text, key]);
  const change = useCallback(
    (changed: Partial<Record<Name, string>>) => {
      const words = new URLSearchParams(router.state.location.searchStr);
      for (const [name, value] of Object.entries<string | undefined>(changed))
        if (value === undefined || value === "") words.delete(name);
        else words.set(name, value);
      const search = words.toString();
      const history = router.history as RouterHistory;
      history.replace(router.state.location.pathname + (search === "" ? "" : `?${search}`));
    },
    [router],
  );
  return [filters, change];
}

/** A part of the page's address: `useId()` of `/hosts/:id`. */
export function useAddressId(): string {
  const path = useRouterState({ select: ({ location }) => location.pathname });
  return decodeURIComponent(path.slice(path.lastIndexOf("/") + 1));
}
