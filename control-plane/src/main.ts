/**
 * The server's main, for whoever still starts it by the path that it had before `server/`. It goes with the next version:
 * name `control-plane/bin/remotegpu-control-plane`.
 */
import "../server/main.ts";
