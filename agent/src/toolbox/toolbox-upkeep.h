/*
 * What the first process of a container needs to keep others up, whatever they are: folders that they expect, how long
 * it waits before it starts one again, and whether a file that it goes by is another one now.
 */

/* What the host changes while the container runs. */
#define LIVE "/.remotegpu/live"
#define LONGEST_PATH 4096

/* Milliseconds. */
#define FIRST_PAUSE 1000
#define LONGEST_PAUSE 30000
/* Whoever ran for so long is not failing again and again. */
#define STEADY 60000

#define MOST_FILES 64

/* With all above it; the last one gets the mode. Of a path that is none, or too long, nothing. */
static void make_folders(const char *folder, long mode) {
  char path[LONGEST_PATH];
  long at;
  if (folder[0] != '/' || length(folder) >= LONGEST_PATH) return;
  path[0] = '/';
  for (at = 1; folder[at] != 0; at++) {
    path[at] = 0;
    if (folder[at] == '/') call(SYS_mkdir, (long)path, 0755, 0, 0);
    path[at] = folder[at];
  }
  path[at] = 0;
  call(SYS_mkdir, (long)path, mode, 0, 0);
}

/* After one that was waited for `pause` before, 0 for none, and then ran for `ran`. */
static long next_pause(long pause, long ran) {
  if (pause == 0 || ran >= STEADY) return FIRST_PAUSE;
  return pause * 2 > LONGEST_PAUSE ? LONGEST_PAUSE : pause * 2;
}

static int is_changed(const long *stat, const long *seen) {
  return stat[STAT_INODE] != seen[STAT_INODE] || stat[STAT_SIZE] != seen[STAT_SIZE] ||
         stat[STAT_CHANGED] != seen[STAT_CHANGED] || stat[STAT_CHANGED + 1] != seen[STAT_CHANGED + 1];
}

static void remember(const long *stat, long *seen) {
  long word;
  for (word = 0; word < STAT_WORDS; word++) seen[word] = stat[word];
}

/* Of a child that executes nothing: it holds none of the others' ends open. */
static void keep_only(int file) {
  int each;
  for (each = 0; each < MOST_FILES; each++) {
    if (each != file) call(SYS_close, each, 0, 0, 0);
  }
}
