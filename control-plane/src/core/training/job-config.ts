/** The config of a training job's order, as API and tables name it. */
import type { OrderConfig } from "../orders/order.ts";

export interface JobConfig extends OrderConfig {
  /** It ends by then, as failed. */
  max_minutes?: number | undefined;
}
