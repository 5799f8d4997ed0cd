/*
 * First process of every container of ours: keeps it up, takes in orphaned processes, and ends everything on TERM.
 * Where the container has a way in by SSH, it keeps that up too (toolbox-door.h), and its services (toolbox-services.h).
 *
 *   init                   stays until it is told to end
 *   init COMMAND           runs COMMAND by a shell and ends with it, with its exit code
 *   init COMMAND SIGNAL    likewise, and tells everybody to end by the signal of that number
 *   init COMMAND SIGNAL FILE    likewise, but not before FILE is there (toolbox-hold.h); no way in, and no services
 *
 *   init -- SIGNAL PROGRAM ARGUMENT...    runs PROGRAM itself, found in PATH like the runtime does, and ends with it;
 *                          tells it alone to end, by the signal of that number, as the runtime would
 *
 * An empty COMMAND is none.
 *
 * It is a program of its own for one line, the first of `run`: no process of the container, root's included, may trace
 * it or write its memory then. No packaged init has that line, and a shell cannot say it. The program uses no library,
 * so that it runs in any image, starts nothing but the command, sshd, the services and who passes on what those say, and
 * never executes another program itself, since that would undo the line.
 */

#include "toolbox-system.h"
#include "toolbox-upkeep.h"
#include "toolbox-door.h"
#include "toolbox-services.h"
#include "toolbox-hold.h"
#include "toolbox-program.h"

#define EVERYBODY_ELSE -1
#define BY_SIGNAL 128
#define LAST_SIGNAL 64

static const long awaited = BIT(SIGINT) | BIT(SIGTERM) | BIT(SIGCHLD);
static const long child_ended = BIT(SIGCHLD);
/* How long, in seconds and nanoseconds, between two looks at what still runs. */
static const long end_wait[2] = {0, 100000000};

/* By the image's own shell where it has one: busybox' would put its own small tools in front of the image's. */
static void execute(const char *command, char **environment) {
  const char *arguments[4];
  arguments[1] = "-c";
  arguments[2] = command;
  arguments[3] = 0;
  arguments[0] = "/bin/sh";
  call(SYS_execve, (long)arguments[0], (long)arguments, (long)environment, 0);
  arguments[0] = "sh";
  call(SYS_execve, (long)"/.remotegpu/busybox", (long)arguments, (long)environment, 0);
  say("the command cannot be started: there is no shell\n");
  leave(NOT_FOUND);
}

/* A command for a shell, or a program with its arguments. */
static long start(const char *command, char **program, char **environment, long signals_before) {
  long child = call(SYS_fork, 0, 0, 0, 0);
  if (child < 0) {
    say("the command cannot be started: too many processes or too little memory\n");
    leave(CANNOT_START);
  }
  if (child == 0) {
    call(SYS_rt_sigprocmask, SIG_SETMASK, (long)&signals_before, 0, SIGNAL_SET_BYTES);
    if (program != 0) run_program(program, environment);
    execute(command, environment);
  }
  return child;
}

/* Takes in all that have ended, orphans too; ends with the command when that is among them. */
static void take_in(long command) {
  int status;
  long ended;
  while ((ended = call(SYS_wait4, -1, (long)&status, WNOHANG, 0)) > 0) {
    if (ended == door.sshd) door_ended();
    if (ended == logins.reader) logins.reader = 0;
    services_take_in(ended, status);
    if (ended != command) continue;
    leave((status & 0x7f) == 0 ? (status >> 8) & 0xff : BY_SIGNAL + (status & 0x7f));
  }
}

/* Tells everybody, then leaves as soon as they are gone. What stays is killed by the runtime. */
static void end(long signal) {
  close_logs();
  call(SYS_kill, EVERYBODY_ELSE, signal, 0, 0);
  call(SYS_kill, EVERYBODY_ELSE, SIGCONT, 0, 0);
  for (;;) {
    take_in(0);
    if (call(SYS_kill, EVERYBODY_ELSE, 0, 0, 0) == -ESRCH) leave(BY_SIGNAL + SIGTERM);
    call(SYS_rt_sigtimedwait, (long)&child_ended, 0, (long)end_wait, SIGNAL_SET_BYTES);
  }
}

/* Of decimal digits; SIGTERM where it is none. */
static long signal_of(const char *digits) {
  long number = 0;
  for (; *digits >= '0' && *digits <= '9' && number <= LAST_SIGNAL; digits++) number = number * 10 + (*digits - '0');
  return *digits == 0 && number > 0 && number <= LAST_SIGNAL ? number : SIGTERM;
}

void run(long *stack) {
  long count = stack[0], command = 0, end_signal = SIGTERM, signals_before, signal;
  int is_image_program = count > 3 && is_same((char *)stack[2], "--");
  char **arguments = (char **)(stack + 1);
  char **environment = arguments + count + 1;

  call(SYS_prctl, PR_SET_DUMPABLE, 0, 0, 0);
  /* Blocked, they wait to be fetched. Others do nothing to a first process that did not ask for them. */
  call(SYS_rt_sigprocmask, SIG_BLOCK, (long)&awaited, (long)&signals_before, SIGNAL_SET_BYTES);
  if (count > 2) end_signal = signal_of(arguments[2]);
  if (is_image_program) {
    command = start(0, arguments + 3, environment, signals_before);
    find_door();
  } else {
    if (count > 3) hold_back_until(arguments[3], &awaited, end_signal);
    if (count > 1 && *arguments[1] != 0) command = start(arguments[1], 0, environment, signals_before);
    if (count <= 3) find_door();
  }
  for (;;) {
    if (door.is_there) keep_door(environment, signals_before);
    if (door.is_there) keep_services(environment, signals_before);
    signal = call(SYS_rt_sigtimedwait, (long)&awaited, 0, (long)until_look(), SIGNAL_SET_BYTES);
    if (signal == SIGTERM || signal == SIGINT) {
      if (!is_image_program) end(end_signal);
      call(SYS_kill, command, end_signal, 0, 0);
      call(SYS_kill, command, SIGCONT, 0, 0);
    }
    take_in(command);
  }
}
