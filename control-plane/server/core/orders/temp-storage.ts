/**
 * How much a container's own file system may hold. An order that names an amount is charged for it and has it; any other
 * has a default, which is free: a limit, for which no room of a host's disk is set aside.
 */

/**
 * Bytes.
 * @param orderedBytes null where the order names none
 * @param includedBytes what the order's spec includes, null where it is not sold as a whole. The default never goes beyond
 * that; where it is 0 the default holds, since no container lives without a file in its own file system
 */
export function tempStorageLimit({
  orderedBytes,
  includedBytes,
  defaultBytes,
}: {
  orderedBytes: number | null;
  includedBytes: number | null;
  defaultBytes: number;
}): number {
  if (orderedBytes !== null) return orderedBytes;
  return Math.min(defaultBytes, includedBytes || defaultBytes);
}
