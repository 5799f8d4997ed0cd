/**
 * What has become old is asked for again, and not while it is being asked for: whatever changes more often than the server
 * answers would break off each question for the next one, and never be shown.
 */
import type { Query, QueryClient } from "@tanstack/react-query";

export class Refetcher {
  readonly #client: QueryClient;
  /** Once they are answered. */
  readonly #later = new Set<string>();
  readonly #forget: () => void;

  constructor(client: QueryClient) {
    this.#client = client;
    this.#forget = client.getQueryCache().subscribe(({ type, query }) => {
      if (type === "removed") this.#later.delete(query.queryHash);
      else if (query.state.fetchStatus === "idle" && this.#later.delete(query.queryHash))
        this.#request(query);
    });
  }

  request(isOld: (query: Query) => boolean): void {
    for (const query of this.#client.getQueryCache().findAll({ predicate: isOld }))
      if (query.state.fetchStatus === "idle") this.#request(query);
      else this.#later.add(query.queryHash);
  }

  close(): void {
    this.#forget();
  }

  #request({ queryKey }: { queryKey: readonly unknown[] }): void {
    void this.#client.invalidateQueries({ queryKey, exact: true });
  }
}
