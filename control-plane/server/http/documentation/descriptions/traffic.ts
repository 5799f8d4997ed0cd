/** Words of what inference services answered. */
import type { Descriptions } from "./description.ts";

export const TRAFFIC_DESCRIPTIONS: Descriptions = {
  "ServiceTraffic.total": ["All of the stretch together"],
  "ServiceTraffic.cost": ["What the ledger has of its replicas"],
  took: ["From a request to the end of its answer; WebSockets are none"],
  first_byte: ["From a request to the first byte of a replica's answer"],
  waited: ["How long requests waited for a replica"],
};
