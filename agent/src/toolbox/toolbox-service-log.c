/*
 * Tells what a service of this container has said and goes on to say, for whoever runs it from outside:
 *
 *   service-log NAME LINES          the last LINES lines ("all": what is kept; "this-life": since the container was
 *                                   started, as far as that is in one file), and ends
 *   service-log NAME LINES follow   the same, and what comes, until its input ends
 *
 * What was written faster than it is read, and turned over twice meanwhile, is left out.
 */

#include "toolbox-system.h"
#include "toolbox-log-files.h"

#define PIECE 16384
/* Milliseconds between two looks. */
#define LOOK_EVERY 200
#define WRONG_USE 2

static char piece[PIECE];

static long open_for_reading(const char *path) {
  return call(SYS_open, (long)path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0, 0);
}

static long size_of(long file) {
  long found[STAT_WORDS];
  if (file < 0 || call(SYS_fstat, file, (long)found, 0, 0) != 0 || STAT_MODE(found) != REGULAR) return 0;
  return found[STAT_SIZE];
}

/* Where its last lines begin; `lines` is how many of them are still to be found before it. */
static long beginning_of(long file, long *lines) {
  long end = size_of(file), start = end, at, got;
  while (start > 0) {
    long from = start > PIECE ? start - PIECE : 0;
    got = call(SYS_pread64, file, (long)piece, start - from, from);
    if (got <= 0) return end;
    for (at = got; at > 0; at--) {
      /* The end of the last line is none of another. */
      if (piece[at - 1] != '\n' || from + at == end) continue;
      if (--*lines == 0) return from + at;
    }
    start = from;
  }
  if (end > 0) --*lines;
  return 0;
}

/* All that there is from here on. Returns where it ended. */
static long tell_from(long file, long at) {
  long got, done, told;
  if (size_of(file) == 0) return at;
  while ((got = call(SYS_pread64, file, (long)piece, PIECE, at)) > 0) {
    for (done = 0; done < got; done += told) {
      told = call(SYS_write, 1, (long)(piece + done), got - done, 0);
      if (told <= 0) leave(0);
    }
    at += got;
  }
  return at;
}

static int is_still(long file, const char *path) {
  long seen[STAT_WORDS], now[STAT_WORDS];
  return file >= 0 && call(SYS_fstat, file, (long)seen, 0, 0) == 0 &&
         call(SYS_stat, (long)path, (long)now, 0, 0) == 0 && seen[STAT_INODE] == now[STAT_INODE];
}

/* False: whoever reads has gone. */
static int wait_a_moment(void) {
  struct {
    int file;
    short wanted, found;
  } watched;
  watched.file = 0;
  watched.wanted = POLLIN;
  watched.found = 0;
  return call(SYS_poll, (long)&watched, 1, LOOK_EVERY, 0) <= 0 || call(SYS_read, 0, (long)piece, PIECE, 0) > 0;
}

static long number_of(const char *digits) {
  long number = 0;
  while (*digits >= '0' && *digits <= '9') number = number * 10 + (*digits++ - '0');
  return number;
}

void run(long *stack) {
  static struct log_files files;
  char **arguments = (char **)(stack + 1);
  long before, newest, lines, at;
  if (stack[0] < 3 || length(arguments[1]) > LONGEST_LOG_NAME) leave(WRONG_USE);
  name_files(&files, arguments[1]);
  before = open_for_reading(files.before);
  newest = open_for_reading(files.newest);
  lines = number_of(arguments[2]);
  at = size_of(newest);
  if (is_same(arguments[2], "all")) {
    tell_from(before, 0);
    at = 0;
  } else if (is_same(arguments[2], "this-life")) {
    at = 0;
  } else if (lines > 0) {
    at = beginning_of(newest, &lines);
    if (lines > 0) tell_from(before, beginning_of(before, &lines));
  }
  at = tell_from(newest, at);
  if (stack[0] < 4) leave(0);
  while (wait_a_moment()) {
    at = tell_from(newest, at);
    if (is_still(newest, files.newest)) continue;
    /* Whatever was written into it last. */
    tell_from(newest, at);
    if (newest >= 0) call(SYS_close, newest, 0, 0, 0);
    newest = open_for_reading(files.newest);
    at = 0;
  }
  leave(0);
}
