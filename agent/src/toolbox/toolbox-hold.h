/*
 * A rank of a gang begins its command only once the gang may go. Until then the first process holds it back and shows that
 * by its name, which nobody else in the container can change. What it waits for is a file of the live folder and no
 * signal: that lies there however early or often it was said.
 */

#define HELD_NAME "rg-held"
#define LONGEST_TASK_NAME 16

/* Seconds and nanoseconds between two looks: a whole gang waits for the slowest of its ranks. */
static const long look_for_release[2] = {0, 20000000};

static void end(long signal);
static void take_in(long command);

static int is_there(const char *file) {
  long found[STAT_WORDS];
  return call(SYS_stat, (long)file, (long)found, 0, 0) == 0;
}

/* Told to end meanwhile, it does. */
static void hold_back_until(const char *file, const long *signals, long end_signal) {
  char name[LONGEST_TASK_NAME];
  long signal;
  if (is_there(file)) return;
  call(SYS_prctl, PR_GET_NAME, (long)name, 0, 0);
  call(SYS_prctl, PR_SET_NAME, (long)HELD_NAME, 0, 0);
  while (!is_there(file)) {
    signal = call(SYS_rt_sigtimedwait, (long)signals, 0, (long)look_for_release, SIGNAL_SET_BYTES);
    if (signal == SIGTERM || signal == SIGINT) end(end_signal);
    take_in(0);
  }
  call(SYS_prctl, PR_SET_NAME, (long)name, 0, 0);
}
