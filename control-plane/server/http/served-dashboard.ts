/** The dashboard as it lies in memory, and what there is of it: its builder takes some seconds, and may fail. */
export interface DashboardFile {
  body: Uint8Array<ArrayBuffer>;
  /** Packed by gzip; null where that gains nothing. */
  packed: Uint8Array<ArrayBuffer> | null;
  type: string;
  etag: string;
}

export type ServedDashboard =
  | { state: "building" }
  /** Its sources are not there, or could not be built; the log says why. */
  | { state: "missing" }
  /** By the path in the URL; `/index.html` is the page. */
  | { state: "built"; files: ReadonlyMap<string, DashboardFile> };
