/**
 * The private network of a gang over several hosts: a VXLAN with static peers, of which the control plane chooses every
 * number, and the names by which its ranks know each other. An order with one needs the feature "gangs".
 */
import { z } from "zod";

const MAX_VXLAN_ID = 16_777_215;
const MAX_PEERS = 256;

const Address = z.ipv4();

/** As a line of /etc/hosts. */
export const RankName = z.object({
  name: z.string().regex(/^[a-z0-9][a-z0-9.-]{0,252}$/),
  address: Address,
});
export type RankName = z.infer<typeof RankName>;

export const GangNetwork = z.object({
  /** The same on all of its hosts, and no other gang's. */
  id: z.int().min(1).max(MAX_VXLAN_ID),
  subnet: z.cidrv4(),
  /** The address of this rank. */
  address: Address,
  /** The address of this rank's host within the subnet: the way out. */
  gateway: Address,
  udpPort: z.int().min(1).max(65_535),
  /** The gang's other hosts, and whose addresses are there. */
  peers: z.array(z.object({ host: Address, addresses: z.array(Address).max(128) })).max(MAX_PEERS),
});
export type GangNetwork = z.infer<typeof GangNetwork>;
