/**
 * The files beside the folders of releases, as far as the agent needs them: what the upgrade unit writes down of upgrades is
 * read, and a request to it is written. A file that is not there, or cannot be read, says nothing.
 */
import { closeSync, fsyncSync, openSync, readFileSync, realpathSync, renameSync, writeSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { z } from "zod";
import { MAX_REFUSED_RELEASES, NamedRelease, UpgradeReport } from "@remotegpu/shared/messages/upgrade-report";
import type { RefusedRelease } from "../core/upgrade/named-release.ts";

const UnderWay = z.object({ phase: UpgradeReport.shape.phase, to: UpgradeReport.shape.to });
const Results = z.array(z.unknown());
const Refused = z.array(NamedRelease);

/** What of a report the files say. */
export type WrittenReport = Omit<UpgradeReport, "refused"> & { refused: RefusedRelease[] };

export interface ReleaseRequest extends NamedRelease {
  requestedBy: "fleet";
  /** The control plane to fetch it from. */
  source: string;
}

export class ReleaseFiles {
  readonly #folder: string;
  readonly #version: string;

  /** @param codeFolder where the running bundle lies: the folder of one release among others */
  constructor(codeFolder: string) {
    this.#folder = dirname(codeFolder);
    this.#version = basename(codeFolder);
  }

  /** The running bundle is the one that `current` names: it was installed, and the upgrade unit may replace it. */
  get isCurrent(): boolean {
    return this.#linked("current") === this.#version;
  }

  read(): WrittenReport {
    const underWay = this.#read("upgrade.json", UnderWay);
    const results = this.#read("upgrade-results.json", Results) ?? [];
    return {
      version: this.#version,
      committed: this.#linked("committed"),
      phase: underWay?.phase ?? null,
      to: underWay?.to ?? null,
      last: UpgradeReport.shape.last.safeParse(results.at(-1)).data ?? null,
      refused: (this.#read("refused-releases.json", Refused) ?? []).slice(-MAX_REFUSED_RELEASES),
    };
  }

  /** On the disk when it returns. @throws of the file system */
  request(request: ReleaseRequest): void {
    const file = join(this.#folder, "upgrade-request.json");
    const draft = `${file}.agent`;
    const handle = openSync(draft, "w", 0o600);
    try {
      writeSync(handle, JSON.stringify(request));
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
    renameSync(draft, file);
    const folder = openSync(this.#folder, "r");
    try {
      fsyncSync(folder);
    } finally {
      closeSync(folder);
    }
  }

  #read<Content>(name: string, schema: z.ZodType<Content>): Content | null {
    try {
      return schema.safeParse(JSON.parse(readFileSync(join(this.#folder, name), "utf8"))).data ?? null;
    } catch {
      // Not there, or half of a file of an older version: the upgrade unit mends it.
      return null;
    }
  }

  #linked(name: string): string | null {
    try {
      return basename(realpathSync(join(this.#folder, name)));
    } catch {
      // Not there: nothing was committed, or this is no installation.
      return null;
    }
  }
}
