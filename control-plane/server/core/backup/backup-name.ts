/**
 * Backups lie beside each other in one folder, each named for the moment of its snapshot, so that their names are in the
 * order of their times. Whatever has another name is not ours, and no retention removes it.
 */

const PREFIX = "remotegpu-";
const NAME = /^remotegpu-\d{8}T\d{6}Z$/;

/** The second of the snapshot, in UTC: `remotegpu-20260131T235959Z`. */
export function backupName(takenAt: Date): string {
  return `${PREFIX}${takenAt.toISOString().replaceAll(/[-:]|\.\d+/g, "")}`;
}

/** The backups that retention removes: all but the newest `keep`. */
export function expiredBackups(names: readonly string[], keep: number): string[] {
  const backups = names.filter((name) => NAME.test(name)).toSorted();
  return backups.slice(0, Math.max(backups.length - keep, 0));
}
