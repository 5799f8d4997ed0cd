/*
 * The way in by SSH, kept up by the first process of a container: the toolbox's sshd runs for as long as the agent has
 * a configuration in the live folder, reads it again when it has changed, and is started anew when it has ended. What
 * may wait for a file of the container happens in the child that becomes sshd; the first process itself only looks.
 */

#define CONFIG LIVE "/sshd_config"
/* Lies in the toolbox where the live folder is mounted over it. */
#define NOT_MOUNTED LIVE "/unmounted"
#define SSHD "/.remotegpu/sbin/sshd"
/* sshd takes no other folder for what it confines itself to. */
#define SSHD_FOLDER "/run/sshd"
/* What the first process began with, as in /proc/PID/environ. Nobody inside can read that of the first process. */
#define ENVIRONMENT SSHD_FOLDER "/environment"

/* Seconds and nanoseconds between two looks: somebody may wait for the first sshd. */
static const long look_for_sshd[2] = {0, 250000000};
static const long look_at_sshd[2] = {1, 0};

#include "toolbox-logins.h"

static struct {
  int is_there;
  long sshd, started, due, pause;
  long config[STAT_WORDS];
} door;

static void find_door(void) {
  long found[STAT_WORDS];
  door.is_there = call(SYS_stat, (long)LIVE, (long)found, 0, 0) == 0 &&
                  call(SYS_stat, (long)NOT_MOUNTED, (long)found, 0, 0) != 0;
  if (door.is_there) open_logins();
}

/* As it is in memory: every character of every value. A file of the customer's own root, for root alone. */
static void write_environment(char **environment) {
  char **last = environment;
  char *at = environment[0];
  long file, written;
  call(SYS_unlink, (long)ENVIRONMENT ".new", 0, 0, 0);
  file = call(SYS_open, (long)ENVIRONMENT ".new", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600, 0);
  if (file < 0) return;
  if (at != 0) {
    char *end;
    while (last[1] != 0) last++;
    end = *last + length(*last) + 1;
    while (at < end && (written = call(SYS_write, file, (long)at, end - at, 0)) > 0) at += written;
  }
  call(SYS_close, file, 0, 0, 0);
  call(SYS_rename, (long)ENVIRONMENT ".new", (long)ENVIRONMENT, 0, 0);
}

/* Many images name a home that they do not have, and every session would begin with a complaint. */
static void make_home(char **environment) {
  const char *home = value_of(environment, "HOME=");
  if (home != 0) make_folders(home, 0700);
}

/* sshd begins with nothing of the image's environment, which may name libraries of the image. */
static void become_sshd(char **environment, long signals_before) {
  const char *arguments[] = {SSHD, "-D", "-e", "-f", CONFIG, 0};
  const char *variables[] = {
      "LD_PRELOAD=/.remotegpu/lib/libnss_wrapper.so",
      "NSS_WRAPPER_PASSWD=" LIVE "/passwd",
      "NSS_WRAPPER_GROUP=" LIVE "/group",
      "NSS_WRAPPER_SHADOW=" LIVE "/shadow",
      "OPENSSL_CONF=/.remotegpu/etc/openssl.cnf",
      0,
  };
  long nothing, each;
  call(SYS_setsid, 0, 0, 0, 0);
  call(SYS_rt_sigprocmask, SIG_SETMASK, (long)&signals_before, 0, SIGNAL_SET_BYTES);
  /* What it says is not the customer's output; of logins the host is told. */
  nothing = call(SYS_open, (long)"/dev/null", O_RDWR | O_NONBLOCK, 0, 0);
  for (each = 0; nothing >= 0 && each <= 2; each++) call(SYS_dup2, nothing, each, 0, 0);
  if (nothing > 2) call(SYS_close, nothing, 0, 0, 0);
  if (logins.to >= 0) call(SYS_dup2, logins.to, 2, 0, 0);
  call(SYS_mkdir, (long)"/run", 0755, 0, 0);
  call(SYS_mkdir, (long)SSHD_FOLDER, 0755, 0, 0);
  call(SYS_chown, (long)SSHD_FOLDER, 0, 0, 0);
  call(SYS_chmod, (long)SSHD_FOLDER, 0755, 0, 0);
  write_environment(environment);
  make_home(environment);
  call(SYS_execve, (long)SSHD, (long)arguments, (long)variables, 0);
  leave(1);
}

static void door_ended(void) {
  long now = milliseconds();
  door.sshd = 0;
  door.pause = next_pause(door.pause, now - door.started);
  door.due = now + door.pause;
}

/* How long to wait for whatever else may happen; null: for as long as it takes. */
static const long *until_look(void) {
  if (!door.is_there) return 0;
  return door.sshd > 0 ? look_at_sshd : look_for_sshd;
}

static void keep_door(char **environment, long signals_before) {
  long config[STAT_WORDS];
  int is_wanted = call(SYS_stat, (long)CONFIG, (long)config, 0, 0) == 0;
  if (door.sshd > 0) {
    keep_logins(signals_before);
    /* Sessions are processes of their own: they outlive the one that took them in, and its new configuration. */
    if (!is_wanted) call(SYS_kill, door.sshd, SIGTERM, 0, 0);
    if (!is_wanted || !is_changed(config, door.config)) return;
    remember(config, door.config);
    call(SYS_kill, door.sshd, SIGHUP, 0, 0);
    return;
  }
  if (!is_wanted || milliseconds() < door.due) return;
  keep_logins(signals_before);
  remember(config, door.config);
  door.started = milliseconds();
  door.sshd = call(SYS_fork, 0, 0, 0, 0);
  if (door.sshd == 0) become_sshd(environment, signals_before);
  /* Too many processes or too little memory: tried again. */
  if (door.sshd < 0) door_ended();
}
