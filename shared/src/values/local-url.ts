/** How a process of this machine is reached by the address on which it listens. */

/** An address that stands for all of them is reached by loopback. */
export function localAddress(listen: string): string {
  if (listen === "0.0.0.0") return "127.0.0.1";
  return listen === "::" ? "::1" : listen;
}

/** The same with its port, as it stands in a URL: `127.0.0.1:80`, `[::1]:80`. */
export function localPlace({ address, port }: { address: string; port: number }): string {
  const reached = localAddress(address);
  return `${reached.includes(":") ? `[${reached}]` : reached}:${port}`;
}
