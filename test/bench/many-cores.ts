/**
 * Loaded into an agent before itself: its host says it has more cores than it has. A core is the least that an
 * environment takes, and a small machine must carry twenty of them for a measurement.
 */
import os from "node:os";

const CORES = 64;

const [core] = os.cpus();
if (core !== undefined) os.cpus = () => Array.from({ length: CORES }, () => core);
