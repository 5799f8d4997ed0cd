/*
 * What sshd starts as everybody's login shell: gives the session what the first process of the container began with,
 * and the image's own shell.
 *
 *   session              an interactive shell
 *   session -c COMMAND   COMMAND by the shell; sftp's server at once, without any
 *
 * The shell is no login shell: what those read first (/etc/profile) sets PATH anew in most images, and what the image
 * brings, say Python in a folder of its own, would be gone. Uses no library, since the image may have another one.
 */

#include "toolbox-system.h"
#include "toolbox-streams.h"

#define ENVIRONMENT "/run/sshd/environment"
/* sshd's word where that lies elsewhere, as in a rank that follows another. */
#define OTHER_ENVIRONMENT "REMOTEGPU_ENVIRONMENT="
#define SFTP_SERVER "/.remotegpu/libexec/sftp-server"
#define TOOLBOX_SHELL "/.remotegpu/bin/sh"
#define TOOLBOX_PATH ":/.remotegpu/bin"
#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

#define NOT_FOUND 127
#define LONGEST 131072
#define MOST_BYTES (4 << 20)
#define MOST_VARIABLES 65536
#define MOST_USERS 65536

static char began_with[MOST_BYTES];
static char *variables[MOST_VARIABLES + 64];
static long variable_count;
static char path[LONGEST + sizeof(TOOLBOX_PATH)];
static char shell_variable[LONGEST];
static char users[MOST_USERS + 1];

/* sshd's own word, where it has one: of this client, this terminal, this connection. */
static const char *const of_session[] = {"SSH_", "TERM=", "COLORTERM=", "NO_COLOR=", "DISPLAY=", 0};
/* sshd's word where the image says nothing. */
static const char *const where_missing[] = {"HOME=", "USER=", "LOGNAME=", 0};
/* What would have sftp's server read the image's libraries, or other users. */
static const char *const not_for_server[] = {"LD_PRELOAD=", "NSS_WRAPPER_", 0};

static long append(char *to, long at, const char *text) {
  while (*text != 0 && at < LONGEST - 1) to[at++] = *text++;
  to[at] = 0;
  return at;
}

static long read_file(const char *name, char *into, long most) {
  long file = call(SYS_open, (long)name, O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0, 0), count = 0, more;
  if (file < 0) return 0;
  while (count < most && (more = call(SYS_read, file, (long)(into + count), most - count, 0)) > 0) count += more;
  call(SYS_close, file, 0, 0, 0);
  return count;
}

static int is_among(const char *variable, const char *const *starts) {
  for (; *starts != 0; starts++) {
    if (begins_with(variable, *starts)) return 1;
  }
  return 0;
}

/* Whether the environment has a variable of the same name. */
static int has_like(char **environment, const char *variable) {
  for (; *environment != 0; environment++) {
    const char *one = *environment, *other = variable;
    while (*one == *other && *one != 0 && *one != '=') one++, other++;
    if (*one == '=' && *other == '=') return 1;
  }
  return 0;
}

static void add(char *variable) {
  if (variable_count < MOST_VARIABLES) variables[variable_count++] = variable;
}

/* Everything the first process had, as it was; sshd's word about the session; PATH with the toolbox at its end. */
static void make_environment(char **given) {
  const char *other = value_of(given, OTHER_ENVIRONMENT);
  long bytes = read_file(other != 0 ? other : ENVIRONMENT, began_with, MOST_BYTES - 1), at, written;
  const char *path_before = "PATH=" DEFAULT_PATH;
  for (at = 0; at < bytes; at += length(began_with + at) + 1) {
    char *variable = began_with + at;
    if (begins_with(variable, "PATH="))
      path_before = variable;
    else if (!is_among(variable, of_session) || !has_like(given, variable))
      add(variable);
  }
  written = append(path, 0, path_before);
  if (written + length(TOOLBOX_PATH) < LONGEST) append(path, written, TOOLBOX_PATH);
  add(path);
  for (; *given != 0; given++) {
    if (is_among(*given, of_session) || (is_among(*given, where_missing) && !has_like(variables, *given))) add(*given);
  }
}

static int is_shell(const char *name) {
  long found[STAT_WORDS];
  long size = length(name);
  if (name[0] != '/' || call(SYS_stat, (long)name, (long)found, 0, 0) != 0) return 0;
  if (STAT_MODE(found) != REGULAR || call(SYS_access, (long)name, 1, 0, 0) != 0) return 0;
  /* How images say that nobody logs in; but this one was let in. */
  return !(size >= 7 && is_same(name + size - 7, "nologin")) && !(size >= 6 && is_same(name + size - 6, "/false"));
}

/* The last field of root's line in the image's own list of users; null where it has none. */
static const char *shell_of_root(void) {
  long count = read_file("/etc/passwd", users, MOST_USERS), at = 0, end, field;
  while (at < count) {
    for (end = at; end < count && users[end] != '\n'; end++) continue;
    users[end] = 0;
    if (begins_with(users + at, "root:")) {
      for (field = end; users[field - 1] != ':'; field--) continue;
      return users + field;
    }
    at = end + 1;
  }
  return 0;
}

/* Where one cannot be executed after all, the next. */
static void become_shell(const char *command) {
  const char *shells[5];
  const char *arguments[4];
  long each, at;
  char *own = value_of(variables, "SHELL=");
  shells[0] = own;
  shells[1] = shell_of_root();
  shells[2] = "/bin/bash";
  shells[3] = "/bin/sh";
  shells[4] = TOOLBOX_SHELL;
  arguments[1] = command == 0 ? 0 : "-c";
  arguments[2] = command;
  arguments[3] = 0;
  for (each = 0; each < 5; each++) {
    const char *shell = shells[each];
    if (shell == 0 || !is_shell(shell)) continue;
    arguments[0] = shell;
    for (at = 0; shell[at] != 0; at++) {
      if (shell[at] == '/') arguments[0] = shell + at + 1;
    }
    if (own == 0) {
      append(shell_variable, append(shell_variable, 0, "SHELL="), shell);
      variables[variable_count] = shell_variable;
    }
    call(SYS_execve, (long)shell, (long)arguments, (long)variables, 0);
  }
  say("no shell can be started here\n");
  leave(NOT_FOUND);
}

/* It looks itself up among the users, so it needs the same ones as sshd; it starts no other program. */
static void become_sftp_server(void) {
  const char *arguments[2];
  long each, count = 0;
  for (each = 0; variables[each] != 0; each++) {
    if (!is_among(variables[each], not_for_server)) variables[count++] = variables[each];
  }
  variables[count++] = "LD_PRELOAD=/.remotegpu/lib/libnss_wrapper.so";
  variables[count++] = "NSS_WRAPPER_PASSWD=/.remotegpu/live/passwd";
  variables[count++] = "NSS_WRAPPER_GROUP=/.remotegpu/live/group";
  variables[count] = 0;
  arguments[0] = SFTP_SERVER;
  arguments[1] = 0;
  call(SYS_execve, (long)SFTP_SERVER, (long)arguments, (long)variables, 0);
  say("the toolbox has no sftp server\n");
  leave(NOT_FOUND);
}

void run(long *stack) {
  long count = stack[0];
  char **arguments = (char **)(stack + 1);
  char **given = arguments + count + 1;
  const char *command = count > 2 && is_same(arguments[1], "-c") ? arguments[2] : 0;
  const char *home;

  make_environment(given);
  home = value_of(variables, "HOME=");
  if (home != 0) call(SYS_chdir, (long)home, 0, 0, 0);
  if (command != 0 && is_same(command, SFTP_SERVER)) become_sftp_server();
  /* At a terminal the kernel tells everybody that it is gone. */
  if (command != 0 && value_of(given, "SSH_TTY=") == 0) follow_streams();
  become_shell(command);
}
