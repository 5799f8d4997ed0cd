/** Finds a port to listen on, and says whether one is taken. */
import { createServer } from "node:net";

/** True when we could listen there now. */
export async function isPortFree(address: string, port: number): Promise<boolean> {
  try {
    await listenOnce(address, port);
    return true;
  } catch {
    // Whatever keeps us from listening there keeps every server from it.
    return false;
  }
}

/** The preferred port if it is free, else any free one. */
export async function freePort(address: string, preferred: number | null): Promise<number> {
  if (preferred !== null && (await isPortFree(address, preferred))) return preferred;
  return listenOnce(address, 0);
}

function listenOnce(address: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(port, address, () => {
      const at = probe.address();
      probe.close(() => resolve(typeof at === "object" && at !== null ? at.port : port));
    });
  });
}
