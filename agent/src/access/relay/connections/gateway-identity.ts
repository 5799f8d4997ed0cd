/** What the TLS port for gateways is opened with; it comes from the agent and goes through the broker to the relay. */
import { z } from "zod";

/** All PEM. */
export const GatewayIdentity = z.object({
  key: z.string().max(16_384),
  certificate: z.string().max(16_384),
  /** Of the authority that certifies gateways. */
  ca: z.string().max(16_384),
});
export type GatewayIdentity = z.infer<typeof GatewayIdentity>;
