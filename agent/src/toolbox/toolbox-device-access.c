/*
 * Whether a container may still use device nodes of the host, by the kernel's device rules: for the agent on the host. It
 * goes into the container's control group, tests each node without opening it, since opening calls the driver and a sick
 * card hangs there, and ends: the group has nothing of it left.
 *
 *   device-access PROCS NODE INSIDE [NODE INSIDE]...
 *
 * PROCS is the group's cgroup.procs: of the tree for devices under version 1. NODE is a node of the host, outside of the
 * container's mounts; INSIDE is where the container sees it, as a path of the host. For each pair a line with two of the
 * kernel's error numbers, 0 for none: of reading and writing NODE, and of looking INSIDE up. Nothing is said and the exit
 * code is 1 where the group cannot be entered.
 */

#include "toolbox-system.h"

#define SYS_lstat 6
#define SYS_faccessat2 439

#define THIS_FOLDER (-100)
#define READ_AND_WRITE 6
/* As whom we act, and not as whom we were started. */
#define AT_EACCESS 0x200
#define ENOSYS 38

static void fail(const char *why) {
  say(why);
  leave(1);
}

/* The process that writes 0 means itself. */
static void enter(const char *procs) {
  long file = call(SYS_open, (long)procs, O_WRONLY | O_CLOEXEC, 0, 0);
  if (file < 0 || call(SYS_write, file, (long)"0", 1, 0) != 1) fail("its control group cannot be entered\n");
  call(SYS_close, file, 0, 0, 0);
}

/* Kernels before 5.8 ask for the user who started us, who is the one we act as. */
static long access_error(const char *node) {
  long result = call(SYS_faccessat2, THIS_FOLDER, (long)node, READ_AND_WRITE, AT_EACCESS);
  if (result == -ENOSYS) result = call(SYS_access, (long)node, READ_AND_WRITE, 0, 0);
  return -result;
}

/* A link is not followed: it could lead anywhere. */
static long lookup_error(const char *inside) {
  static long stat[STAT_WORDS];
  return -call(SYS_lstat, (long)inside, (long)stat, 0, 0);
}

static void tell_number(long number, const char *end) {
  char text[8], *at = text + sizeof(text) - 1;
  *at = 0;
  do {
    *--at = '0' + number % 10;
    number /= 10;
  } while (number > 0);
  call(SYS_write, 1, (long)at, length(at), 0);
  call(SYS_write, 1, (long)end, length(end), 0);
}

void run(long *stack) {
  char **arguments = (char **)(stack + 1);
  long count = stack[0], each;
  if (count < 4 || count % 2 != 0) fail("device-access PROCS NODE INSIDE [NODE INSIDE]...\n");
  enter(arguments[1]);
  for (each = 2; each < count; each += 2) {
    tell_number(access_error(arguments[each]), " ");
    tell_number(lookup_error(arguments[each + 1]), "\n");
  }
  leave(0);
}
