/*
 * JupyterLab, TensorBoard and xrdp, kept up by the first process of a container: each runs for as long as the agent has
 * a file for it in the live folder, is started anew when it has ended or that file has changed, and is let be where the
 * image does not have it. They are the image's own programs, xrdp with a script of the toolbox before it (libexec/rdp),
 * and get what the first process began with. What may wait for a file of the container happens in the children; what
 * they say goes to a log of their own (toolbox-logs.h).
 */

#include "toolbox-logs.h"

#define CODE "/gemini/code"
#define OUTPUT "/gemini/output"
#define TOKEN_IN_FILE "JUPYTER_TOKEN_FILE=" TOKEN
/* As a shell has it where nobody says. */
#define STANDARD_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define MOST_VARIABLES 8192
/* What no program of an image is likely to end with. */
#define NOT_IN_IMAGE 113
#define EXECUTABLE 1

/* The token stands in a file that root alone reads, and nowhere else: a command line is everybody's to read. */
static const char *const jupyter_arguments[] = {
    "jupyter-lab",
    "--no-browser",
    "--allow-root",
    "--ip=127.0.0.1",
    "--port=8888",
    "--ServerApp.port_retries=0",
    /* It is asked for by the name that the browser knows, which is the gateway's. */
    "--ServerApp.allow_remote_access=True",
    "--ServerApp.base_url=/",
    "--ServerApp.root_dir=" CODE,
    0,
};
static const char *const tensorboard_arguments[] = {
    "tensorboard", "--logdir", OUTPUT, "--host", "127.0.0.1", "--port", "6006", 0,
};
static const char *const rdp_arguments[] = {"rdp", 0};

struct service {
  /* Of the live folder. */
  const char *wish;
  /* The first is the program's name. */
  const char *const *arguments;
  /* Null: it is looked for by its name. */
  const char *path;
  const char *folder;
  struct log log;
  long process, started, due, pause;
  int is_missing;
  long wish_seen[STAT_WORDS];
};

static struct service services[] = {
    {TOKEN, jupyter_arguments, 0, CODE, {"jupyter", -1, -1}},
    {LIVE "/tensorboard", tensorboard_arguments, 0, OUTPUT, {"tensorboard", -1, -1}},
    {LIVE "/rdp", rdp_arguments, "/.remotegpu/libexec/rdp", "/", {"rdp", -1, -1}},
};
#define SERVICES (sizeof(services) / sizeof(services[0]))

/* In the folders that the image's PATH names, as a shell looks for it. */
static int find_program(const char *name, char **environment, char *path) {
  const char *folders = value_of(environment, "PATH=");
  long found[STAT_WORDS];
  if (folders == 0 || *folders == 0) folders = STANDARD_PATH;
  while (*folders != 0) {
    long at = 0, each;
    while (*folders != 0 && *folders != ':') {
      if (at < LONGEST_PATH - 1) path[at++] = *folders;
      folders++;
    }
    if (*folders == ':') folders++;
    if (at == 0 || path[0] != '/' || at + 1 + length(name) >= LONGEST_PATH) continue;
    path[at++] = '/';
    for (each = 0; name[each] != 0; each++) path[at++] = name[each];
    path[at] = 0;
    if (call(SYS_stat, (long)path, (long)found, 0, 0) == 0 && STAT_MODE(found) == REGULAR &&
        call(SYS_access, (long)path, EXECUTABLE, 0, 0) == 0)
      return 1;
  }
  return 0;
}

/* What the first process began with, exactly, but for how Jupyter learns its token. */
static char **with_token(char **environment) {
  static char *variables[MOST_VARIABLES + 2];
  long count = 0;
  for (; *environment != 0 && count < MOST_VARIABLES; environment++) {
    if (!begins_with(*environment, "JUPYTER_TOKEN=") && !begins_with(*environment, "JUPYTER_TOKEN_FILE="))
      variables[count++] = *environment;
  }
  variables[count++] = TOKEN_IN_FILE;
  variables[count] = 0;
  return variables;
}

static void say_of(const char *name, const char *what) {
  say("[remotegpu] ");
  say(name);
  say(what);
}

static void become_service(const struct service *service, char **environment, long signals_before) {
  static char found[LONGEST_PATH];
  const char *name = service->arguments[0], *program = service->path != 0 ? service->path : found;
  long nothing;
  call(SYS_setsid, 0, 0, 0, 0);
  call(SYS_rt_sigprocmask, SIG_SETMASK, (long)&signals_before, 0, SIGNAL_SET_BYTES);
  nothing = call(SYS_open, (long)"/dev/null", O_RDWR, 0, 0);
  call(SYS_dup2, nothing, 0, 0, 0);
  call(SYS_dup2, service->log.to, 1, 0, 0);
  call(SYS_dup2, service->log.to, 2, 0, 0);
  if (nothing > 2) call(SYS_close, nothing, 0, 0, 0);
  if (service->path == 0 && !find_program(name, environment, found)) {
    say_of(name, " is not in the image.\n");
    leave(NOT_IN_IMAGE);
  }
  make_folders(service->folder, 0755);
  call(SYS_chdir, (long)service->folder, 0, 0, 0);
  make_home(environment);
  say_of(name, " is started.\n");
  call(SYS_execve, (long)program, (long)service->arguments, (long)with_token(environment), 0);
  say_of(name, " cannot be started.\n");
  leave(1);
}

static void service_ended(struct service *service, int status) {
  long now = milliseconds();
  service->process = 0;
  if ((status & 0x7f) == 0 && ((status >> 8) & 0xff) == NOT_IN_IMAGE) {
    service->is_missing = 1;
    close_log(&service->log);
    return;
  }
  service->pause = next_pause(service->pause, now - service->started);
  service->due = now + service->pause;
}

/* Whether it was a service or the keeper of one's log. */
static void services_take_in(long ended, int status) {
  long each;
  for (each = 0; each < SERVICES; each++) {
    if (ended == services[each].process) service_ended(&services[each], status);
    if (ended == services[each].log.keeper) services[each].log.keeper = 0;
  }
}

/* Nothing is to be heard from here on, so that who keeps a log ends with the last one that speaks. */
static void close_logs(void) {
  long each;
  for (each = 0; each < SERVICES; each++) close_log(&services[each].log);
}

static void keep_service(struct service *service, char **environment, long signals_before) {
  long wish[STAT_WORDS];
  int is_wanted = call(SYS_stat, (long)service->wish, (long)wish, 0, 0) == 0;
  if (service->process > 0) {
    keep_log(&service->log);
    if (!is_wanted || is_changed(wish, service->wish_seen)) call(SYS_kill, service->process, SIGTERM, 0, 0);
    return;
  }
  if (!is_wanted || service->is_missing || milliseconds() < service->due) return;
  if (!open_log(&service->log)) return;
  keep_log(&service->log);
  remember(wish, service->wish_seen);
  service->started = milliseconds();
  service->process = call(SYS_fork, 0, 0, 0, 0);
  if (service->process == 0) become_service(service, environment, signals_before);
  /* Too many processes or too little memory: tried again. */
  if (service->process < 0) service_ended(service, 0);
}

static void keep_services(char **environment, long signals_before) {
  long each;
  for (each = 0; each < SERVICES; each++) keep_service(&services[each], environment, signals_before);
}
