/**
 * To what the canary tries to connect, so that an answer can come from nowhere but through a hole: metadata addresses,
 * the host itself at a port where the agent listens, and containers of other workspaces.
 */

export type Target = {
  attempt: "reach-metadata" | "reach-host" | "reach-neighbour";
  /** IPv4, or the canary's own gateway. */
  address: string;
  port: number;
  /** An address of the neighbour's network that nobody has. */
  strayAddress?: string;
};

export const GATEWAY = "gateway";

/** As the clouds have them: most; Alibaba; Oracle; Azure, by both its ports. */
const METADATA: readonly { address: string; port: number }[] = [
  { address: "169.254.169.254", port: 80 },
  { address: "100.100.100.200", port: 80 },
  { address: "192.0.0.192", port: 80 },
  { address: "168.63.129.16", port: 80 },
  { address: "168.63.129.16", port: 32_526 },
];

/** So many bridges and containers of others are tried each; one hole shows as well as many. */
const MOST_OF_EACH = 4;
const MOST_HOST_ADDRESSES = 8;
/** Nothing listens there; that somebody says so is answer enough. */
const DISCARD_PORT = 9;
const LOOPBACK = "127.";
const LAST_OF_SUBNET = 254;

export type Surroundings = {
  /** Where the agent listens on every address of the host, meanwhile. */
  listenerPort: number;
  /** The host's own addresses, whoever is reached by them; the first ones are tried. */
  hostAddresses: readonly string[];
  /** The addresses of this host's bridges. */
  gateways: readonly string[];
  /** The addresses of containers in other workspaces' networks. */
  neighbours: readonly string[];
};

/** In a fixed order; each address once. */
export function canaryTargets({ listenerPort, hostAddresses, gateways, neighbours }: Surroundings): Target[] {
  // Loopback in a container is its own.
  const outside = [...new Set(hostAddresses)].filter((address) => !address.startsWith(LOOPBACK));
  const ofHost = [GATEWAY, ...outside.slice(0, MOST_HOST_ADDRESSES), ...gateways.slice(0, MOST_OF_EACH)];
  const taken = new Set([...gateways, ...neighbours]);
  return [
    ...METADATA.map((at): Target => ({ attempt: "reach-metadata", ...at })),
    ...[...new Set(ofHost)].map((address): Target => ({
      attempt: "reach-host",
      address,
      port: listenerPort,
    })),
    ...[...new Set(neighbours)].slice(0, MOST_OF_EACH).map((address) => neighbour(address, taken)),
  ];
}

function neighbour(address: string, taken: ReadonlySet<string>): Target {
  const subnet = address.slice(0, address.lastIndexOf(".") + 1);
  let last = LAST_OF_SUBNET;
  while (taken.has(`${subnet}${last}`) && last > 1) last -= 1;
  return { attempt: "reach-neighbour", address, port: DISCARD_PORT, strayAddress: `${subnet}${last}` };
}

/** What the program connects to, in its order: each target, a neighbour's stray address behind it. */
export function connectionsOf(targets: readonly Target[]): { address: string; port: number }[] {
  return targets.flatMap(({ address, port, strayAddress }) => [
    { address, port },
    ...(strayAddress === undefined ? [] : [{ address: strayAddress, port }]),
  ]);
}
