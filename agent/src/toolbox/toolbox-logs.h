/*
 * What a service of the container says, written into two files of bounded size: a pipe takes it, and a process of its
 * own writes it down, which goes on when the service ends, and the service when that does. Jupyter's token is taken out,
 * whoever says it.
 */

#include "toolbox-log-files.h"

/* Of each of the two files. */
#define LARGEST_LOG (4 * 1024 * 1024)
#define LOG_PIECE 16384
#define TOKEN LIVE "/jupyter_token"
#define LONGEST_TOKEN 128
/* Milliseconds after which the beginning of a line is written without its end. */
#define LINE_WITHIN 1000

struct log {
  const char *name;
  /* The ends of its pipe; below 0 while there is none. */
  int from, to;
  long keeper;
  /* Its files are of this life of the container. */
  int is_begun;
};

static int open_log(struct log *log) {
  int ends[2];
  if (log->from >= 0) return 1;
  if (call(SYS_pipe2, (long)ends, O_CLOEXEC, 0, 0) < 0) return 0;
  log->from = ends[0];
  log->to = ends[1];
  return 1;
}

static void close_log(struct log *log) {
  if (log->from < 0) return;
  call(SYS_close, log->from, 0, 0, 0);
  call(SYS_close, log->to, 0, 0, 0);
  log->from = log->to = -1;
}

/* Of the one that writes. */
static struct {
  struct log_files files;
  long file, size;
} written;

/* The one before goes. */
static void turn_over(void) {
  if (written.file >= 0) call(SYS_close, written.file, 0, 0, 0);
  written.file = -1;
  call(SYS_rename, (long)written.files.newest, (long)written.files.before, 0, 0);
}

/* What cannot be written is dropped. */
static void write_log(const char *text, long count) {
  long done;
  if (written.file >= 0 && written.size + count > LARGEST_LOG) turn_over();
  if (written.file < 0) {
    make_folders(LOGS_FOLDER, 0700);
    written.file = call(SYS_open, (long)written.files.newest,
                        O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600, 0);
    if (written.file < 0) return;
    written.size = call(SYS_lseek, written.file, 0, SEEK_END, 0);
  }
  while (count > 0 && (done = call(SYS_write, written.file, (long)text, count, 0)) > 0) {
    text += done;
    count -= done;
    written.size += done;
  }
}

/* How long the token is, in whose place `token` is filled; 0: there is none. */
static long read_token(char *token) {
  long file = call(SYS_open, (long)TOKEN, O_RDONLY | O_CLOEXEC, 0, 0), count;
  if (file < 0) return 0;
  count = call(SYS_read, file, (long)token, LONGEST_TOKEN, 0);
  call(SYS_close, file, 0, 0, 0);
  return count > 0 ? count : 0;
}

static void take_token_out(char *text, long count) {
  static char token[LONGEST_TOKEN];
  long known = read_token(token), at, same;
  if (known == 0) return;
  for (at = 0; at + known <= count; at++) {
    for (same = 0; same < known && text[at + same] == token[same]; same++) continue;
    if (same < known) continue;
    for (same = 0; same < known; same++) text[at + same] = '*';
  }
}

/* Ends when nobody is left who could say something. */
static void write_down(const struct log *log) {
  static char text[LOG_PIECE];
  long count = 0, got, whole, at;
  struct {
    int file;
    short wanted, found;
  } watched;
  name_files(&written.files, log->name);
  written.file = -1;
  if (!log->is_begun) turn_over();
  watched.file = log->from;
  watched.wanted = POLLIN;
  for (;;) {
    watched.found = 0;
    got = 0;
    if (call(SYS_poll, (long)&watched, 1, count > 0 ? LINE_WITHIN : -1, 0) > 0) {
      got = call(SYS_read, log->from, (long)(text + count), LOG_PIECE - count, 0);
      if (got <= 0) {
        take_token_out(text, count);
        write_log(text, count);
        leave(0);
      }
    }
    count += got;
    take_token_out(text, count);
    /* Up to the last line's end; of a long line all but what may be the beginning of the token. */
    whole = got == 0 ? count : 0;
    for (at = count; whole == 0 && at > 0; at--) {
      if (text[at - 1] == '\n') whole = at;
    }
    if (whole == 0 && count == LOG_PIECE) whole = count - LONGEST_TOKEN;
    if (whole == 0) continue;
    write_log(text, whole);
    for (at = whole; at < count; at++) text[at - whole] = text[at];
    count -= whole;
  }
}

/* Begins the one that writes where there is none. It is told to end by nobody but its readers' silence. */
static void keep_log(struct log *log) {
  if (log->from < 0 || log->keeper > 0) return;
  log->keeper = call(SYS_fork, 0, 0, 0, 0);
  if (log->keeper > 0) log->is_begun = 1;
  if (log->keeper != 0) return;
  call(SYS_setsid, 0, 0, 0, 0);
  keep_only(log->from);
  write_down(log);
}
