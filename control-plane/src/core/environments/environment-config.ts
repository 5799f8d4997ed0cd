/** The config of an environment's order, as API and tables name it. */
import type { OrderConfig } from "../orders/order.ts";

export interface EnvironmentConfig extends OrderConfig {
  /** In place of our init. */
  command?: string | undefined;
}
