/** The command's client for scenes that name routes as texts and read answers as rows: short, and typed by nobody. */
import { ApiClient } from "@remotegpu/control-plane/cli/framework/api-client";
import type { ApiRequest, Method, Page } from "@remotegpu/control-plane/client/api-request";

export type Row = Record<string, unknown>;
type Query = Record<string, string | undefined>;

export class PathClient extends ApiClient {
  get(path: string, query: Query = {}): Promise<Row> {
    return this.#row("GET", path, { query });
  }

  post(path: string, body: Row = {}, signal?: AbortSignal): Promise<Row> {
    return this.#row("POST", path, { body, signal });
  }

  put(path: string, body: Row): Promise<Row> {
    return this.#row("PUT", path, { body });
  }

  patch(path: string, body: Row): Promise<Row> {
    return this.#row("PATCH", path, { body });
  }

  delete(path: string, query: Query = {}): Promise<Row> {
    return this.#row("DELETE", path, { query });
  }

  rows(path: string, query: Query = {}, limit?: number): Promise<Row[]> {
    const request: ApiRequest<Page<Row>> = { method: "GET", path, query };
    return this.list(request, limit);
  }

  async #row(
    method: Method,
    path: string,
    { signal, ...more }: { query?: Query; body?: Row; signal?: AbortSignal | undefined },
  ): Promise<Row> {
    const request: ApiRequest<Row | undefined> = { method, path, ...more };
    return (await this.send(request, { signal })) ?? {};
  }
}
