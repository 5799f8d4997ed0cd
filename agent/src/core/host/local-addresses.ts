/**
 * The addresses of a network namespace, from the kernel's own table (/proc/<pid>/net/fib_trie): there a line of an
 * address is followed by one that says whether it is the namespace's own.
 */
const ADDRESS = /\|--\s+(\d{1,3}(?:\.\d{1,3}){3})$/;
const IS_OWN = /^\s*\/32 host LOCAL\s*$/;

/** IPv4 addresses beyond loopback, each once, in the table's order. */
export function localAddresses(fibTrie: string): string[] {
  const addresses = new Set<string>();
  let last: string | null = null;
  for (const line of fibTrie.split("\n")) {
    const named = ADDRESS.exec(line)?.[1];
    if (named !== undefined) last = named;
    else if (last !== null && IS_OWN.test(line) && !last.startsWith("127.")) addresses.add(last);
  }
  return [...addresses];
}
