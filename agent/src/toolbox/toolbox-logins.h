/*
 * What sshd says of logins, told to the host. sshd's words go into a pipe that never holds it up; a process of its own
 * reads them all and passes on those of logins, each on a connection of its own to the socket in the live folder. What
 * cannot be told now is told a little later, and what is told too late means nothing any more.
 */

#define LOGINS LIVE "/logins"
#define OF_A_LOGIN "Accepted "
#define LONGEST_LOGIN 256
#define MOST_KEPT 64
#define READ_AT_ONCE 1024
/* Milliseconds. */
#define FIRST_RETRY 100
#define LONGEST_RETRY 2000
#define TOO_LATE 30000
#define UNIX_ADDRESS_BYTES 110

struct kept_login {
  long length, since;
  char text[LONGEST_LOGIN];
};

static struct {
  int from, to;
  long reader;
} logins = {-1, -1, 0};

/* A pipe whose end for sshd refuses what it has no room for. Both ends stay open here, whoever of the others ends. */
static void open_logins(void) {
  int ends[2];
  if (call(SYS_pipe2, (long)ends, O_CLOEXEC, 0, 0) < 0) return;
  logins.from = ends[0];
  logins.to = ends[1];
  call(SYS_fcntl, logins.to, F_SETFL, O_NONBLOCK, 0);
}

/* False: there is nobody who takes it now. */
static int tell(const struct kept_login *login) {
  static const struct {
    short family;
    char path[UNIX_ADDRESS_BYTES - 2];
  } address = {AF_UNIX, LOGINS};
  long way = call(SYS_socket, AF_UNIX, SOCK_STREAM | O_NONBLOCK | O_CLOEXEC, 0, 0), told;
  if (way < 0) return 0;
  told = call(SYS_connect, way, (long)&address, UNIX_ADDRESS_BYTES, 0);
  if (told == 0) told = call(SYS_write, way, (long)login->text, login->length, 0);
  call(SYS_close, way, 0, 0, 0);
  return told > 0;
}

/* The oldest first, in a ring. */
static struct {
  struct kept_login login[MOST_KEPT];
  long first, count;
} kept;

static void forget_first(void) {
  kept.first = (kept.first + 1) % MOST_KEPT;
  kept.count--;
}

/* The oldest goes where there are too many. */
static void keep(const char *line, long length) {
  struct kept_login *place;
  long at;
  if (kept.count == MOST_KEPT) forget_first();
  place = &kept.login[(kept.first + kept.count) % MOST_KEPT];
  for (at = 0; at < length; at++) place->text[at] = line[at];
  place->text[length] = '\n';
  place->length = length + 1;
  place->since = milliseconds();
  kept.count++;
}

static int is_too_late(const struct kept_login *login) { return milliseconds() - login->since > TOO_LATE; }

/* Never ends by itself. Too long a line is none of a login. */
static void pass_on_logins(void) {
  static char read[READ_AT_ONCE], line[LONGEST_LOGIN];
  long length = 0, retry = FIRST_RETRY, got, at;
  struct {
    int file;
    short wanted, found;
  } watched;
  watched.file = logins.from;
  watched.wanted = POLLIN;
  for (;;) {
    watched.found = 0;
    got = call(SYS_poll, (long)&watched, 1, kept.count > 0 ? retry : -1, 0) > 0
              ? call(SYS_read, logins.from, (long)read, READ_AT_ONCE, 0)
              : 0;
    for (at = 0; at < got; at++) {
      if (read[at] != '\n') {
        if (read[at] != '\r' && length < LONGEST_LOGIN) line[length++] = read[at];
        continue;
      }
      if (length < LONGEST_LOGIN - 1) {
        line[length] = 0;
        if (begins_with(line, OF_A_LOGIN)) keep(line, length);
      }
      length = 0;
      retry = FIRST_RETRY;
    }
    while (kept.count > 0 && is_too_late(&kept.login[kept.first])) forget_first();
    while (kept.count > 0 && tell(&kept.login[kept.first])) {
      forget_first();
      retry = FIRST_RETRY;
    }
    if (kept.count > 0 && got <= 0) retry = retry * 2 > LONGEST_RETRY ? LONGEST_RETRY : retry * 2;
  }
}

/* Begins the reader where there is none. */
static void keep_logins(long signals_before) {
  if (logins.from < 0 || logins.reader > 0) return;
  logins.reader = call(SYS_fork, 0, 0, 0, 0);
  if (logins.reader != 0) return;
  call(SYS_setsid, 0, 0, 0, 0);
  call(SYS_rt_sigprocmask, SIG_SETMASK, (long)&signals_before, 0, SIGNAL_SET_BYTES);
  pass_on_logins();
}
