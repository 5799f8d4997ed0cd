/**
 * The images that this agent pulled: with which credential, and when each was last used. A damaged record counts as
 * none: the image is then pulled once more before an order may have it, and is never removed.
 */
import { z } from "zod";
import type { PulledImage } from "../core/images/image-rights.ts";
import type { JournalDatabase } from "./database/journal-database.ts";
import { bySchema, seal, unseal, Unsealed, type StoredSeal } from "./database/sealed.ts";

export const StoredPulledImage: z.ZodType<PulledImage> = z.object({
  imageId: z.string(),
  image: z.string(),
  credential: z.string().nullable(),
  lastUsedMs: z.int().nonnegative(),
});

/** A use is written down once in so long: it only orders images by age. */
const TOUCH_EVERY_MS = 600_000;

type StoredRow = StoredSeal & { key: string };

export class PulledImages {
  readonly #database: JournalDatabase;
  readonly #unsealed = new Unsealed(bySchema(StoredPulledImage));

  constructor(database: JournalDatabase) {
    this.#database = database;
  }

  all(): PulledImage[] {
    return this.#unsealed.all(this.#stored(), (row) => row.key).filter((image) => image !== null);
  }

  put(pulled: PulledImage): void {
    this.#database.write(() => this.#save(pulled));
  }

  /** False while images may be here that an agent of before pulled. */
  get knowsBefore(): boolean {
    const meta = this.#database.prepare<[], { knows_images: number }>("SELECT knows_images FROM meta").get();
    return meta?.knows_images !== 0;
  }

  /** All that agents of before are known to have pulled. */
  noteBefore(found: readonly PulledImage[]): void {
    this.#database.write(() => {
      for (const pulled of found) this.#save(pulled);
      this.#database.prepare("UPDATE meta SET knows_images = 1").run();
    });
  }

  /** They are in use now. */
  touch(imageIds: readonly string[], nowMs: number): void {
    const used = new Set(imageIds);
    const due = this.all().filter(
      ({ imageId, lastUsedMs }) => used.has(imageId) && nowMs - lastUsedMs >= TOUCH_EVERY_MS,
    );
    if (due.length === 0) return;
    this.#database.write(() => {
      for (const pulled of due) this.#save({ ...pulled, lastUsedMs: nowMs });
    });
  }

  /** They are not here any more. */
  forget(imageIds: readonly string[]): void {
    const gone = new Set(imageIds);
    const keys = this.all().flatMap((pulled) => (gone.has(pulled.imageId) ? [keyOf(pulled)] : []));
    if (keys.length > 0) this.#drop(keys);
  }

  /** Drops what changed by itself. */
  mend(): void {
    const damaged = this.#stored().filter((row) => unseal(row, StoredPulledImage) === null);
    if (damaged.length > 0) this.#drop(damaged.map(({ key }) => key));
  }

  #save(pulled: PulledImage): void {
    this.#database
      .prepare(
        `INSERT INTO pulled_images (key, entry, entry_hash) VALUES (:key, :entry, :entry_hash)
         ON CONFLICT (key) DO UPDATE SET entry = :entry, entry_hash = :entry_hash`,
      )
      .run({ key: keyOf(pulled), ...seal(pulled) });
  }

  #drop(keys: readonly string[]): void {
    this.#database.write(() => {
      const drop = this.#database.prepare("DELETE FROM pulled_images WHERE key = ?");
      for (const key of keys) drop.run(key);
    });
  }

  #stored(): StoredRow[] {
    return this.#database
      .prepare<[], StoredRow>("SELECT key, entry, entry_hash FROM pulled_images ORDER BY key")
      .all();
  }
}

function keyOf({ imageId, image, credential }: PulledImage): string {
  return JSON.stringify([imageId, image, credential]);
}
