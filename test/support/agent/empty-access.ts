/** Stands in an access process's place: hears every list on the real control socket and holds nothing. */
import { ControlServer } from "@remotegpu/agent/access/control/control-server";
import { accessSocket } from "@remotegpu/agent/config/config";
import { quietLog } from "../quiet-log.ts";

export class EmptyAccess {
  readonly #server: ControlServer;

  private constructor(server: ControlServer) {
    this.#server = server;
  }

  static async open(stateDir: string): Promise<EmptyAccess> {
    const server = new ControlServer({
      path: accessSocket(stateDir),
      onList: ({ serial }) =>
        server.report({
          kind: "held",
          serial,
          refused: null,
          leases: [],
          gatewayPort: null,
          services: [],
          streams: [],
          access: { sessions: [], attempts: [], isWhole: true },
        }),
      log: quietLog,
    });
    await server.open();
    return new EmptyAccess(server);
  }

  async close(): Promise<void> {
    await this.#server.close();
  }
}
