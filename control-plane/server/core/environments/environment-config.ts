/** The config of an environment's order, as API and tables name it. */
import type { SshServer } from "../leases/ssh-server.ts";
import type { OrderConfig } from "../orders/order.ts";

export interface EnvironmentConfig extends OrderConfig {
  /** In place of our init. */
  command?: string | undefined;
  /** Whose server people reach by SSH. */
  ssh?: SshServer | undefined;
  /** It is stopped once nobody has used it for so long; left out: never. */
  idle_stop_minutes?: number | undefined;
  /** Whoever may start it starts it by coming to it through the gateway. */
  wake?: boolean | undefined;
}
