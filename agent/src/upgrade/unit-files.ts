/** Unit files of a version, laid where systemd reads them. */
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { SHELL_NAME, UNITS_BEFORE, unitText, type HostFolders } from "../core/upgrade/unit-text.ts";
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
      const text = this.#textOf(version, unit);
      if (text !== null) this.#replace(join(this.#folders.units, unit), text);
    }
  }

  /** As `place` would lay those of a version, where the unit's shell finds them. */
  keepForShell(version: string, units: readonly string[]): void {
    mkdirSync(this.#kept, { recursive: true });
    this.#disk.syncFolder(this.#folders.opt);
    for (const unit of units) {
      const text = this.#textOf(version, unit);
      if (text !== null) this.#replace(join(this.#kept, unit), text);
    }
  }

  forgetKept(): void {
    this.#disk.remove(this.#kept);
  }

  placeShell(version: string): void {
    const source = join(this.#folders.opt, version, SHELL_NAME);
    if (existsSync(source)) this.#replace(join(this.#folders.opt, SHELL_NAME), readFileSync(source, "utf8"));
  }

  get #kept(): string {
    return join(this.#folders.opt, UNITS_BEFORE);
  }

  /** Null where the version has none. */
  #textOf(version: string, unit: string): string | null {
    const source = join(this.#folders.opt, version, unit);
    return existsSync(source) ? unitText(readFileSync(source, "utf8"), this.#folders) : null;
  }

  #replace(path: string, text: string): void {
    if (existsSync(path) && readFileSync(path, "utf8") === text) return;
    this.#disk.write(path, text, 0o644);
  }
}
