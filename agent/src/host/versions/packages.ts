/** Asks the host's package manager which packages own some files, and reads their changelogs. Asks no server for anything. */
import { open } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { constants, gunzip } from "node:zlib";
import type { PackageVersion } from "@remotegpu/shared/messages/host-versions";
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";
import { mentionedCves } from "../../core/versions/changelog-cves.ts";
import {
  DPKG_FORMAT,
  parseDpkgOwners,
  parseDpkgPackages,
  parseRpmPackage,
  RPM_FORMAT,
} from "../../core/versions/package-answers.ts";
import { pathsOfPackage } from "../../core/versions/running-program.ts";
import { type CommandOutcome, HostCommand } from "../host-command.ts";

const DEADLINE_MS = 10_000;
const MAX_OUTPUT_BYTES = 1024 * 1024;
/** Of a changelog, packed and unpacked. A longer one is not read. */
const MAX_PACKED_BYTES = 1024 * 1024;
const MAX_CHANGELOG_BYTES = 4 * 1024 * 1024;
/** The packages' names as policy allows them: they become parts of a path. */
const PACKAGE_NAME = /^[A-Za-z0-9][A-Za-z0-9+._-]*$/;
/** dpkg-query takes these for patterns. */
const PATTERN = /[*?[\]\\]/;

const unpacked = promisify(gunzip);

export type PackageTools = {
  dpkgQuery: string;
  rpm: string;
  /** Where packages put their changelogs. */
  documents: string;
};

export const PACKAGE_TOOLS: PackageTools = {
  dpkgQuery: "dpkg-query",
  rpm: "rpm",
  documents: "/usr/share/doc",
};

/** A package manager that is there does not answer: what it would have said is not known. */
class PackageManagerError extends Error {
  override name = "PackageManagerError";
}

export class Packages {
  readonly #dpkg: HostCommand;
  readonly #rpm: HostCommand;
  readonly #documents: string;

  constructor({ dpkgQuery, rpm, documents }: PackageTools) {
    const bounds = { maxOutputBytes: MAX_OUTPUT_BYTES, environment: { LC_ALL: "C" } };
    this.#dpkg = new HostCommand({ path: dpkgQuery, ...bounds });
    this.#rpm = new HostCommand({ path: rpm, ...bounds });
    this.#documents = documents;
  }

  /**
   * Path → package; a path that no package owns is missing. Where dpkg owns none of them, rpm is asked: a host of rpm may
   * have dpkg's programs too.
   *
   * @throws PackageManagerError
   */
  async owning(paths: readonly string[]): Promise<ReadonlyMap<string, PackageVersion>> {
    const requested = paths.filter((path) => path.startsWith("/") && !PATTERN.test(path));
    if (requested.length === 0) return new Map();
    let failure: PackageManagerError | null = null;
    const ofDpkg = await this.#ofDpkg(requested).catch(
      (error: unknown): ReadonlyMap<string, PackageVersion> => {
        if (!(error instanceof PackageManagerError)) throw error;
        failure = error;
        return new Map();
      },
    );
    if (ofDpkg.size > 0) return ofDpkg;
    const ofRpm = await this.#ofRpm(requested);
    if (failure !== null && ofRpm.size === 0) throw failure as PackageManagerError;
    return ofRpm;
  }

  async #ofDpkg(paths: readonly string[]): Promise<ReadonlyMap<string, PackageVersion>> {
    const search = await this.#dpkg.run(["-S", "--", ...paths.flatMap(pathsOfPackage)], {
      deadlineMs: DEADLINE_MS,
    });
    const owners = parseDpkgOwners(answerOf(search, "dpkg-query"));
    const names = new Set(owners.values());
    if (names.size === 0) return new Map();
    const listed = await this.#dpkg.run(["-W", "-f", DPKG_FORMAT, "--", ...names], {
      deadlineMs: DEADLINE_MS,
    });
    const packages = parseDpkgPackages(answerOf(listed, "dpkg-query"));
    return new Map(
      paths.flatMap((path) => {
        const owner = pathsOfPackage(path).flatMap((known) => owners.get(known) ?? [])[0];
        const found = owner === undefined ? undefined : packages.get(owner.replace(/:[a-z0-9-]+$/, ""));
        return found === undefined ? [] : [[path, found]];
      }),
    );
  }

  async #ofRpm(paths: readonly string[]): Promise<ReadonlyMap<string, PackageVersion>> {
    const found = new Map<string, PackageVersion>();
    for (const path of paths) {
      const answer = await this.#rpm.run(["-qf", "--queryformat", RPM_FORMAT, path], {
        deadlineMs: DEADLINE_MS,
      });
      if (answer.kind === "missing") break;
      const owner = parseRpmPackage(answerOf(answer, "rpm"));
      if (owner !== null) found.set(path, owner);
    }
    return found;
  }

  /** Of what is installed. None where the changelog is missing, or cannot be read; of one that is cut off what is there. @throws PackageManagerError */
  async mentionedCves({ format, name }: PackageVersion): Promise<string[]> {
    if (!PACKAGE_NAME.test(name)) return [];
    if (format === "rpm") {
      const answer = await this.#rpm.run(["-q", "--changelog", name], { deadlineMs: DEADLINE_MS });
      return mentionedCves(answerOf(answer, "rpm"));
    }
    return mentionedCves(await packedText(join(this.#documents, name, "changelog.Debian.gz")));
  }
}

/**
 * Nothing where there is no such program. It ends with 0 or 1, where nothing was found; more is a failure.
 *
 * @throws PackageManagerError
 */
function answerOf(answer: CommandOutcome, program: string): string {
  switch (answer.kind) {
    case "missing":
      return "";
    case "hung":
      throw new PackageManagerError(`${program} did not answer within ${DEADLINE_MS / MS_PER_SECOND} s`);
    case "too-much-output":
      throw new PackageManagerError(`${program} wrote more than ${MAX_OUTPUT_BYTES} bytes`);
    case "ended":
      if (answer.exitCode <= 1) return answer.stdout;
      throw new PackageManagerError(`${program} ended with ${answer.exitCode}`);
  }
}

async function packedText(path: string): Promise<string> {
  const packed = await readAtMost(path, MAX_PACKED_BYTES);
  if (packed === null) return "";
  try {
    // Without its end, it gives what it has.
    const bounds = { maxOutputLength: MAX_CHANGELOG_BYTES, finishFlush: constants.Z_SYNC_FLUSH };
    return (await unpacked(packed, bounds)).toString("utf8");
  } catch {
    // It is no gzip, or unpacks to more than a changelog is.
    return "";
  }
}

/** Null for a file that is missing or longer. */
async function readAtMost(path: string, bytes: number): Promise<Buffer | null> {
  const file = await open(path).catch(() => null);
  if (file === null) return null;
  try {
    const { size } = await file.stat();
    return size > bytes ? null : await file.readFile();
  } catch {
    return null;
  } finally {
    await file.close();
  }
}
