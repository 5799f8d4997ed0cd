/*
 * Plays what NVIDIA's hook does under version 2 of control groups, where device rules are programs of the kernel: takes the
 * programs of a group away and puts one there that allows every device, behind the back of whoever put them there.
 *
 *   allow-devices GROUP      its folder
 */

#include "../../../agent/src/toolbox/toolbox-system.h"

#define SYS_bpf 321
#define BPF_PROG_LOAD 5
#define BPF_PROG_ATTACH 8
#define BPF_PROG_DETACH 9
#define BPF_PROG_GET_FD_BY_ID 13
#define BPF_PROG_QUERY 16
#define PROG_TYPE_CGROUP_DEVICE 15
#define ATTACH_CGROUP_DEVICE 6
#define ALLOW_MULTI 2
#define MOST 64

struct instruction {
  unsigned char code, registers;
  short offset;
  int value;
};
/* r0 = 1; exit */
static struct instruction allow[2] = {{0xb7, 0, 0, 1}, {0x95, 0, 0, 0}};
static char licence[] = "GPL";
static unsigned int ids[MOST];

static struct {
  unsigned int type, count;
  unsigned long instructions, licence;
  char rest[96];
} loading;
static struct {
  unsigned int target, attached_type, query_flags, attach_flags;
  unsigned long ids;
  unsigned int count;
  char rest[100];
} query;
static struct {
  unsigned int target, program, type, flags;
  char rest[112];
} attachment;
static struct {
  unsigned int id;
  char rest[124];
} named;

static long bpf(long command, void *attributes, long size) {
  return call(SYS_bpf, command, (long)attributes, size, 0);
}

static void fail(const char *why) {
  say(why);
  leave(1);
}

void run(long *stack) {
  char **arguments = (char **)(stack + 1);
  long group, program, each;
  if (stack[0] != 2) fail("allow-devices GROUP\n");
  group = call(SYS_open, (long)arguments[1], O_RDONLY, 0, 0);
  if (group < 0) fail("there is no such group\n");
  query.target = group;
  query.attached_type = ATTACH_CGROUP_DEVICE;
  query.ids = (unsigned long)ids;
  query.count = MOST;
  if (bpf(BPF_PROG_QUERY, &query, sizeof(query)) != 0) fail("its programs cannot be asked for\n");
  for (each = 0; each < query.count; each++) {
    named.id = ids[each];
    attachment.target = group;
    attachment.program = bpf(BPF_PROG_GET_FD_BY_ID, &named, sizeof(named));
    attachment.type = ATTACH_CGROUP_DEVICE;
    if (bpf(BPF_PROG_DETACH, &attachment, sizeof(attachment)) != 0) fail("a program stays\n");
  }
  loading.type = PROG_TYPE_CGROUP_DEVICE;
  loading.count = 2;
  loading.instructions = (unsigned long)allow;
  loading.licence = (unsigned long)licence;
  program = bpf(BPF_PROG_LOAD, &loading, sizeof(loading));
  if (program < 0) fail("the program is not taken\n");
  attachment.target = group;
  attachment.program = program;
  attachment.type = ATTACH_CGROUP_DEVICE;
  attachment.flags = ALLOW_MULTI;
  if (bpf(BPF_PROG_ATTACH, &attachment, sizeof(attachment)) != 0) fail("the program is not attached\n");
  leave(0);
}
