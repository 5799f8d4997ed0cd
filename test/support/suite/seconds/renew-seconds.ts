/** `npm run test:seconds`: puts what the runs of this machine measured into the committed table of the files' seconds. */
import { COMMITTED, MEASURED, readSeconds, renewedSeconds, writeSeconds } from "./file-seconds.ts";

writeSeconds(COMMITTED, renewedSeconds(readSeconds(COMMITTED), readSeconds(MEASURED)));
