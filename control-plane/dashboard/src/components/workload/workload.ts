/** Which workload a shared part tells of: its kind's path, which is the API's and the dashboard's, and its id. */
export interface WorkloadRef {
  home: "/environments" | "/training-jobs" | "/inference-services";
  id: string;
  /** Of the stream. */
  topics: readonly string[];
}

export function pathOf({ home, id }: WorkloadRef, rest = ""): string {
  return `${home}/${encodeURIComponent(id)}${rest}`;
}
