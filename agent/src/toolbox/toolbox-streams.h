/*
 * A command without a terminal, and what becomes of it when its client is gone: sshd closes the command's streams, and
 * nobody is told. So the session stays beside its command, ends as it ends, and when the streams are closed it tells
 * whoever still has one of them, as a terminal would (HUP), and ends them soon after. Who has turned away from the
 * streams, or from HUP as by nohup, was meant to stay.
 */

#define STREAMS 3
#define POLL_GONE (0x8 | 0x10)
#define GRACE 5000
#define LOOK 100
#define LONGEST_NAME 64

struct polled {
  int file;
  short asked, answered;
};

static char stream_names[STREAMS][LONGEST_NAME];
static char folder_page[32768];
static char status_page[8192];

/* /proc/NUMBER/REST */
static void proc_name(char *into, const char *number, const char *rest) {
  const char *start = "/proc/";
  while (*start != 0) *into++ = *start++;
  while (*number != 0) *into++ = *number++;
  while (*rest != 0) *into++ = *rest++;
  *into = 0;
}

static int stream_name(const char *process, long stream, char *into) {
  static const char *const names[] = {"/fd/0", "/fd/1", "/fd/2"};
  char link[LONGEST_NAME];
  long size;
  proc_name(link, process, names[stream]);
  size = call(SYS_readlink, (long)link, (long)into, LONGEST_NAME - 1, 0);
  if (size <= 0) return 0;
  into[size] = 0;
  return 1;
}

static int has_stream(const char *process) {
  char name[LONGEST_NAME];
  long own, theirs;
  for (theirs = 0; theirs < STREAMS; theirs++) {
    if (!stream_name(process, theirs, name)) continue;
    for (own = 0; own < STREAMS; own++) {
      if (stream_names[own][0] != 0 && is_same(name, stream_names[own])) return 1;
    }
  }
  return 0;
}

static int ignores_hangup(const char *process) {
  char name[LONGEST_NAME];
  long file, count, at;
  proc_name(name, process, "/status");
  file = call(SYS_open, (long)name, O_RDONLY | O_CLOEXEC, 0, 0);
  if (file < 0) return 0;
  count = call(SYS_read, file, (long)status_page, sizeof(status_page) - 1, 0);
  call(SYS_close, file, 0, 0, 0);
  if (count < 0) count = 0;
  status_page[count] = 0;
  for (at = 0; at < count; at++) {
    /* Sixteen hexadecimal digits, of which the last one holds HUP as its lowest bit. */
    if (begins_with(status_page + at, "SigIgn:\t") && at + 24 <= count) {
      char digit = status_page[at + 23];
      return (digit <= '9' ? digit - '0' : digit - 'a' + 10) & 1;
    }
  }
  return 0;
}

/* All who still have a stream of this session; returns how many were told. */
static long tell_holders(long self, long signal) {
  long folder = call(SYS_open, (long)"/proc", O_RDONLY | O_CLOEXEC, 0, 0), told = 0, bytes, at, digit;
  if (folder < 0) return 0;
  while ((bytes = call(SYS_getdents64, folder, (long)folder_page, sizeof(folder_page), 0)) > 0) {
    for (at = 0; at < bytes; at += *(unsigned short *)(folder_page + at + 16)) {
      const char *name = folder_page + at + 19;
      long number = 0;
      for (digit = 0; name[digit] >= '0' && name[digit] <= '9'; digit++) number = number * 10 + name[digit] - '0';
      if (digit == 0 || name[digit] != 0 || digit > 10 || number == self || number == 1) continue;
      if (!has_stream(name) || ignores_hangup(name)) continue;
      call(SYS_kill, number, signal, 0, 0);
      call(SYS_kill, number, SIGCONT, 0, 0);
      told++;
    }
  }
  call(SYS_close, folder, 0, 0, 0);
  return told;
}

static void end_holders(long self) {
  long until = milliseconds() + GRACE;
  long pause[2] = {0, LOOK * 1000000L};
  long never = 0;
  long told = tell_holders(self, SIGHUP);
  while (told > 0 && milliseconds() < until) {
    call(SYS_rt_sigtimedwait, (long)&never, 0, (long)pause, SIGNAL_SET_BYTES);
    while (call(SYS_wait4, -1, 0, WNOHANG, 0) > 0) continue;
    told = tell_holders(self, 0);
  }
  if (told > 0) tell_holders(self, SIGKILL);
  leave(255);
}

/* Ends as the command has ended, by the same signal too. */
static void end_like(int status) {
  long signal = status & 0x7f, none = 0;
  if (signal == 0) leave((status >> 8) & 0xff);
  call(SYS_prctl, PR_SET_DUMPABLE, 0, 0, 0);
  call(SYS_rt_sigprocmask, SIG_SETMASK, (long)&none, 0, SIGNAL_SET_BYTES);
  call(SYS_kill, call(SYS_getpid, 0, 0, 0, 0), signal, 0, 0);
  leave(128 + signal);
}

/* Returns in the process that is to become the command. */
static void follow_streams(void) {
  long all = -1, child_ended = BIT(SIGCHLD), before, stream, child, ended;
  long self = call(SYS_getpid, 0, 0, 0, 0);
  int status;
  struct polled polled[3];
  call(SYS_rt_sigprocmask, SIG_SETMASK, (long)&all, (long)&before, SIGNAL_SET_BYTES);
  child = call(SYS_fork, 0, 0, 0, 0);
  if (child < 0) {
    say("the command cannot be started: too many processes or too little memory\n");
    leave(126);
  }
  if (child == 0) {
    call(SYS_rt_sigprocmask, SIG_SETMASK, (long)&before, 0, SIGNAL_SET_BYTES);
    return;
  }
  for (stream = 0; stream < STREAMS; stream++) {
    if (!stream_name("self", stream, stream_names[stream])) stream_names[stream][0] = 0;
    /* What leads nowhere is nobody's mark. */
    if (begins_with(stream_names[stream], "/")) stream_names[stream][0] = 0;
  }
  polled[0].file = call(SYS_signalfd4, -1, (long)&child_ended, SIGNAL_SET_BYTES, O_CLOEXEC | O_NONBLOCK);
  polled[0].asked = 1;
  for (stream = 1; stream < STREAMS; stream++) {
    polled[stream].file = stream;
    polled[stream].asked = 0;
  }
  for (;;) {
    for (stream = 0; stream < STREAMS; stream++) polled[stream].answered = 0;
    call(SYS_poll, (long)polled, STREAMS, -1, 0);
    /* Before the look: an end after it is told anew. */
    call(SYS_read, polled[0].file, (long)status_page, sizeof(status_page), 0);
    while ((ended = call(SYS_wait4, -1, (long)&status, WNOHANG, 0)) > 0) {
      if (ended == child) end_like(status);
    }
    if ((polled[1].answered & POLL_GONE) != 0) end_holders(self);
    if ((polled[2].answered & POLL_GONE) != 0) polled[2].file = -1;
  }
}
