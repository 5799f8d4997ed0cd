/** Hosts in classes, such that what is free elsewhere makes the hosts of one class better or worse together. */

export interface HostClasses {
  /** By host. */
  readonly classOf: Int32Array;
  /** The hosts of each class, in the fixed order. */
  readonly members: readonly Int32Array[];
  /** By host: its place among the members of its class. */
  readonly seatOf: Int32Array;
}

/** One class for each text that `keyOf` has for a host, in the order in which they come first. */
export function hostClasses(hosts: number, keyOf: (host: number) => string): HostClasses {
  const numbers = new Map<string, number>();
  const members: number[][] = [];
  const seatOf = new Int32Array(hosts);
  const classOf = Int32Array.from({ length: hosts }, (_, host) => {
    const key = keyOf(host);
    const number = numbers.get(key) ?? numbers.size;
    numbers.set(key, number);
    const seats = (members[number] ??= []);
    seatOf[host] = seats.length;
    seats.push(host);
    return number;
  });
  return { classOf, members: members.map((hosts) => Int32Array.from(hosts)), seatOf };
}
