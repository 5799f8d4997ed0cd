/** Unit files of a version, laid where systemd reads them. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { SHELL_NAME, unitText, type HostFolders } from "../core/upgrade/unit-text.ts";
import type { DurableDisk } from "../host/upgrades/durable-disk.ts";

export class UnitFiles {
  readonly #folders: HostFolders;
  readonly #disk: DurableDisk;

  constructor(folders: HostFolders, disk: DurableDisk) {
    this.#folders = folders;
    this.#disk = disk;
  }

  /** Those that the version has: an older one may lack some, and what lies there stays then. */
  place(version: string, units: readonly string[]): void {
    for (const unit of units) {
      const source = join(this.#folders.opt, version, unit);
      if (existsSync(source))
        this.#replace(join(this.#folders.units, unit), unitText(readFileSync(source, "utf8"), this.#folders));
    }
  }

  placeShell(version: string): void {
    const source = join(this.#folders.opt, version, SHELL_NAME);
    if (existsSync(source)) this.#replace(join(this.#folders.opt, SHELL_NAME), readFileSync(source, "utf8"));
  }

  #replace(path: string, text: string): void {
    if (existsSync(path) && readFileSync(path, "utf8") === text) return;
    this.#disk.write(path, text, 0o644);
  }
}
