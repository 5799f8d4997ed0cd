/** Several versions of the agent's bundle side by side, as install.sh lays them: one is built, others are copies of it. */
import { cp, link, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildBundle } from "../../../agent/install/build-bundle.ts";

export class Bundles {
  readonly #folder: string;
  readonly #built: string;

  private constructor(folder: string, built: string) {
    this.#folder = folder;
    this.#built = built;
  }

  static async build(): Promise<Bundles> {
    const folder = await mkdtemp(join(tmpdir(), "rg-bundles-"));
    const { version } = await buildBundle({ outDir: join(folder, "draft") });
    await rename(join(folder, "draft"), join(folder, version));
    return new Bundles(folder, version);
  }

  get built(): string {
    return this.#built;
  }

  folderOf(version: string): string {
    return join(this.#folder, version);
  }

  /** The access process's code in a version. */
  access(version: string): string {
    return join(this.folderOf(version), "access.mjs");
  }

  /** The same under another name. @param line before the access process's code */
  async copy(version: string, line = ""): Promise<string> {
    const [from, to] = [join(this.#folder, this.#built), join(this.#folder, version)];
    await mkdir(to);
    for (const name of await readdir(from))
      if (name !== "access.mjs") await link(join(from, name), join(to, name));
    const code = await readFile(this.access(this.#built), "utf8");
    await writeFile(this.access(version), `${line}\n${code}`);
    return version;
  }

  /** One that was built elsewhere, which stays there. @returns its version */
  async add(bundle: string): Promise<string> {
    const [, version] =
      /^remotegpu-agent (\S+)$/m.exec(await readFile(join(bundle, "MANIFEST"), "utf8")) ?? [];
    if (version === undefined) throw new Error(`${bundle} has no list of a bundle`);
    await cp(bundle, this.folderOf(version), { recursive: true });
    return version;
  }

  /** As install.sh forgets one. */
  async remove(version: string): Promise<void> {
    await rm(join(this.#folder, version), { recursive: true });
  }

  async close(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }
}
