/** The answers of one app: two apps of one process (in tests) do not count each other's. */
import { statusClassOf } from "./label-values.ts";
import { counterOf, distributionOf } from "./server-counters.ts";

export class AnsweredRequests {
  readonly requests = counterOf("http_requests_total");
  readonly durations = distributionOf("http_request_duration_seconds");
  secondsTotal = 0;
  count = 0;

  add({ method, route, status }: { method: string; route: string; status: number }, seconds: number): void {
    this.requests.add([method, route, String(status)]);
    this.durations.observe([method, route, statusClassOf(status)], seconds);
    this.secondsTotal += seconds;
    this.count += 1;
  }
}
