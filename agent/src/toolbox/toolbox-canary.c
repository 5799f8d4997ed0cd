/*
 * Tries from within a container what a container of a customer must be refused, and prints what the kernel answered: a
 * line for each attempt, its name and the number of the error, 0 where it was let through. What that means is decided
 * on the host (core/canary/attempts.ts). Nothing that is tried changes anything if it succeeds, but in this container.
 *
 *   CANARY_PID=       a process of the host, in the host's numbers; empty: none is tried
 *   CANARY_PATHS=     of the host, ':' between them
 *   CANARY_SOCKET=    of the container runtime, a path of the host
 *   CANARY_CONNECT=   what is connected to, ' ' between them: ADDRESS:PORT, or gateway:PORT for the container's own
 *
 * Connections are tried all at once and given up after half a second; nothing else waits for anybody. A last line says "end".
 */

#include "toolbox-system.h"

#define SYS_ioctl 16
#define SYS_alarm 37
#define SYS_getsockopt 55
#define SYS_rmdir 84
#define SYS_ptrace 101
#define SYS_getppid 110
#define SYS_mknod 133
#define SYS_adjtimex 159
#define SYS_mount 165
#define SYS_umount2 166
#define SYS_reboot 169
#define SYS_iopl 172
#define SYS_init_module 175
#define SYS_add_key 248
#define SYS_keyctl 250
#define SYS_unshare 272
#define SYS_perf_event_open 298
#define SYS_open_by_handle_at 304
#define SYS_setns 308
#define SYS_process_vm_readv 310
#define SYS_getrandom 318
#define SYS_bpf 321

#define EPERM 1
#define ENOENT 2
#define ENODATA 61
#define ETIMEDOUT 110
#define EINPROGRESS 115
#define UNKNOWN 255

#define ATTEMPT "/attempt"
#define NODE "/attempt-node"
#define TOOLBOX "/.remotegpu"

#define MNT_DETACH 2
#define MS_REMOUNT 32
#define MS_BIND 4096
#define CLONE_NEWNS 0x20000
#define CLONE_NEWUSER 0x10000000
#define CLONE_NEWPID 0x20000000
#define PTRACE_SEIZE 0x4206
#define PR_CAPBSET_READ 23
#define PR_GET_NO_NEW_PRIVS 39
#define LAST_CAPABILITY 63
#define BLOCK_NODE 060600
#define LOOP_DEVICE (7 << 8)
#define O_PATH 010000000
#define ADJ_FREQUENCY 2
#define RESTART_MAGIC 0xfee1deadL
#define RESTART_MAGIC_2 672274793
#define NO_RESTART_COMMAND 0x12345678
#define OF_PROCESS -2
#define OF_USER -4
#define AF_INET 2
#define AF_PACKET 17
#define SOCK_DGRAM 2
#define SOCK_RAW 3
#define SOCK_NONBLOCK 04000
#define PROTOCOL_ICMP 1
#define ALL_PACKETS 0x0300
#define SIOCGIFMTU 0x8921
#define SIOCSIFMTU 0x8922
#define SOL_SOCKET 1
#define SO_ERROR 4
#define POLLOUT 4
#define MOST_CONNECTIONS 32
#define CONNECT_MS 500
#define ALL_SECONDS 10
#define ROUTES_BYTES 4096

struct internet_address {
  unsigned short family, port;
  unsigned char bytes[4];
  char nothing[8];
};
struct local_address {
  unsigned short family;
  char path[108];
};
struct polled {
  int file;
  short asked, answered;
};
struct piece {
  void *at;
  long size;
};
struct device_request {
  char name[16];
  int mtu;
  char nothing[20];
};
struct handle {
  unsigned int bytes;
  int kind;
  unsigned char inode[8];
};

static long call6(long number, long a, long b, long c, long d, long e, long f) {
  long result;
  __asm__ volatile("mov %5, %%r10\n mov %6, %%r8\n mov %7, %%r9\n syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "m"(d), "m"(e), "m"(f)
                   : "rcx", "r8", "r9", "r10", "r11", "memory");
  return result;
}

static void print(const char *text) { call(SYS_write, 1, (long)text, length(text), 0); }

static void print_number(unsigned long number, int base) {
  char digits[24], *at = digits + sizeof(digits) - 1;
  *at = 0;
  do {
    *--at = "0123456789abcdef"[number % base];
    number /= base;
  } while (number > 0);
  print(at);
}

/* What a call of the kernel answered, as the number of its error; 0 for anything that is none. */
static long error_of(long result) { return result < 0 ? -result : 0; }

static void report(const char *name, long error) {
  print(name);
  print(" ");
  print_number(error, 10);
  print("\n");
}

static long open_for(const char *path, long flags) {
  return call(SYS_open, (long)path, flags | O_NONBLOCK | O_CLOEXEC, 0, 0);
}

static void close_if_open(long file) {
  if (file >= 0) call(SYS_close, file, 0, 0, 0);
}

static void try_open(const char *name, const char *path, long flags) {
  long file = open_for(path, flags);
  close_if_open(file);
  report(name, error_of(file));
}

/* --- mounts --- */

static long mounted(const char *kind) {
  long result = call6(SYS_mount, (long)"none", (long)ATTEMPT, (long)kind, 0, 0, 0);
  if (result == 0) call(SYS_umount2, (long)ATTEMPT, MNT_DETACH, 0, 0);
  return result;
}

static void try_mounts(void) {
  long cgroup;
  report("mount-tmpfs", error_of(mounted("tmpfs")));
  report("mount-proc", error_of(mounted("proc")));
  cgroup = mounted("cgroup2");
  if (cgroup < 0 && cgroup != -EPERM) cgroup = mounted("cgroup");
  report("mount-cgroup", error_of(cgroup));
  report("unmask-proc", error_of(call(SYS_umount2, (long)"/proc/kcore", MNT_DETACH, 0, 0)));
  report("open-proc-sys", error_of(call6(SYS_mount, 0, (long)"/proc/sys", 0, MS_REMOUNT | MS_BIND, 0, 0)));
}

/* A user namespace of its own must not lead to a /proc without masks. Its last process says what it was answered. */
static long fresh_proc(void) {
  long result = call(SYS_unshare, CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID, 0, 0, 0), child;
  int status = 0;
  if (result < 0) return error_of(result);
  child = call(SYS_fork, 0, 0, 0, 0);
  if (child < 0) return error_of(child);
  if (child == 0) leave(error_of(mounted("proc")));
  if (call(SYS_wait4, child, (long)&status, 0, 0) != child || (status & 0x7f) != 0) return UNKNOWN;
  return (status >> 8) & 0xff;
}

static void try_in_child(const char *name, long (*attempt)(void)) {
  long child = call(SYS_fork, 0, 0, 0, 0);
  int status = 0;
  if (child == 0) leave(attempt());
  if (child < 0 || call(SYS_wait4, child, (long)&status, 0, 0) != child || (status & 0x7f) != 0)
    report(name, UNKNOWN);
  else
    report(name, (status >> 8) & 0xff);
}

/* --- processes --- */

static long number_of(const char *digits) {
  long number = 0;
  for (; *digits >= '0' && *digits <= '9' && number < 100000000; digits++) number = number * 10 + (*digits - '0');
  return number;
}

static long traced_pid;

/* In a process of its own: whom it traces goes on by itself when it ends. */
static long trace(void) { return error_of(call(SYS_ptrace, PTRACE_SEIZE, traced_pid, 0, 0)); }

static long read_memory(long pid) {
  static char into[1];
  static struct piece here, there;
  here.at = into;
  here.size = 1;
  there.at = (void *)0x400000;
  there.size = 1;
  return error_of(call6(SYS_process_vm_readv, pid, (long)&here, 1, (long)&there, 1, 0));
}

/* /proc/PID/root/proc */
static char *root_of(long pid) {
  static char path[40];
  char digits[24], *at = digits + sizeof(digits) - 1, *into = path;
  const char *rest = "/proc/";
  while (*rest != 0) *into++ = *rest++;
  *at = 0;
  do {
    *--at = '0' + pid % 10;
    pid /= 10;
  } while (pid > 0);
  while (*at != 0) *into++ = *at++;
  for (rest = "/root/proc"; *rest != 0; rest++) *into++ = *rest;
  *into = 0;
  return path;
}

/* The first process of the container is our init, which has begun this one: by whatever number it is seen here. */
static void try_processes(const char *outside) {
  long first = call(SYS_getppid, 0, 0, 0, 0);
  traced_pid = first;
  try_in_child("trace-first-process", trace);
  report("read-first-process-memory", read_memory(first));
  try_open("read-first-process-root", root_of(first), O_RDONLY);
  if (outside == 0 || *outside == 0) return;
  traced_pid = number_of(outside);
  report("signal-outside", error_of(call(SYS_kill, traced_pid, 0, 0, 0)));
  try_in_child("trace-outside", trace);
  report("read-outside-memory", read_memory(traced_pid));
}

static void try_namespaces(void) {
  long file = open_for("/proc/self/ns/net", O_RDONLY);
  report("enter-namespace", error_of(call(SYS_setns, file, 0, 0, 0)));
  close_if_open(file);
  try_in_child("unmask-proc-by-user-namespace", fresh_proc);
}

/* --- paths of the host --- */

/* One is enough; else what the last one was answered. */
static void try_paths(char *paths) {
  long error = ENOENT, file;
  char *path = paths, *end;
  while (path != 0 && *path != 0) {
    for (end = path; *end != 0 && *end != ':'; end++) continue;
    int is_last = *end == 0;
    *end = 0;
    file = open_for(path, O_RDONLY);
    close_if_open(file);
    error = error_of(file);
    if (error == 0 || is_last) break;
    path = end + 1;
  }
  report("open-host-path", error);
}

static void try_runtime_socket(const char *path) {
  static struct local_address address;
  long at, file, result;
  if (path == 0 || *path == 0) return;
  address.family = AF_UNIX;
  for (at = 0; path[at] != 0 && at < (long)sizeof(address.path) - 1; at++) address.path[at] = path[at];
  address.path[at] = 0;
  file = call(SYS_socket, AF_UNIX, SOCK_STREAM, 0, 0);
  result = file < 0 ? file : call(SYS_connect, file, (long)&address, sizeof(address), 0);
  close_if_open(file);
  report("reach-runtime-socket", error_of(result));
}

/* An empty file in its place is the mask of it, and is read as such. */
static void try_memory_image(void) {
  char byte[1];
  long file = open_for("/proc/kcore", O_RDONLY), got = file;
  if (file >= 0) {
    got = call(SYS_read, file, (long)byte, 1, 0);
    if (got == 0) got = -ENODATA;
  }
  close_if_open(file);
  report("read-kernel-memory", error_of(got));
}

/* Another one each time: a folder that lies there already would say nothing, and whoever found a hole could leave one. */
static const char *fresh_name(void) {
  static char name[] = "canary-0000000000000000";
  static unsigned char random[8];
  char *digit = name + sizeof("canary-") - 1;
  long each;
  call(SYS_getrandom, (long)random, sizeof(random), 0, 0);
  for (each = 0; each < (long)sizeof(random); each++) {
    *digit++ = "0123456789abcdef"[random[each] >> 4];
    *digit++ = "0123456789abcdef"[random[each] & 15];
  }
  return name;
}

static long folder_made_in(const char *folder) {
  static char path[80];
  const char *name = fresh_name();
  long result, at = 0;
  while (*folder != 0) path[at++] = *folder++;
  path[at++] = '/';
  while (*name != 0) path[at++] = *name++;
  path[at] = 0;
  result = call(SYS_mkdir, (long)path, 0700, 0, 0);
  if (result == 0) call(SYS_rmdir, (long)path, 0, 0, 0);
  return error_of(result);
}

/* In version 1 the groups lie below a file system of the container's own, which holds nothing of the host. */
static void try_control_groups(void) {
  static const char *hierarchies[] = {"/sys/fs/cgroup/devices", "/sys/fs/cgroup/memory", "/sys/fs/cgroup/pids", 0};
  long error = ENOENT, at;
  int is_version_2 = call(SYS_access, (long)"/sys/fs/cgroup/cgroup.controllers", 0, 0, 0) == 0;
  if (is_version_2) error = folder_made_in("/sys/fs/cgroup");
  for (at = 0; error == ENOENT && hierarchies[at] != 0; at++) error = folder_made_in(hierarchies[at]);
  report("write-cgroups", error);
}

static void try_device_node(void) {
  long result = call(SYS_mknod, (long)NODE, BLOCK_NODE, LOOP_DEVICE, 0);
  if (result == 0) call(SYS_unlink, (long)NODE, 0, 0, 0);
  report("make-device", error_of(result));
}

/* The handle is of the root of whatever file system the toolbox lies in, as most number it. */
static void try_handle(void) {
  static struct handle handle;
  long folder = open_for(TOOLBOX, O_RDONLY), file;
  handle.bytes = 8;
  handle.kind = 1;
  handle.inode[0] = 2;
  file = call(SYS_open_by_handle_at, folder, (long)&handle, O_RDONLY, 0);
  close_if_open(file);
  close_if_open(folder);
  report("open-by-handle", error_of(file));
}

static void try_gpu_nodes(void) {
  static const char *nodes[] = {"/dev/nvidiactl", "/dev/nvidia0", "/dev/nvidia-uvm", "/dev/dri/renderD128", 0};
  long error = ENOENT, at;
  for (at = 0; nodes[at] != 0; at++) {
    error = error_of(call(SYS_access, (long)nodes[at], 0, 0, 0));
    if (error == 0) break;
  }
  report("see-gpu", error);
}

static void try_files(char *paths, const char *socket) {
  try_paths(paths);
  try_runtime_socket(socket);
  try_open("trigger-sysrq", "/proc/sysrq-trigger", O_WRONLY);
  try_open("write-core-pattern", "/proc/sys/kernel/core_pattern", O_WRONLY);
  try_memory_image();
  try_open("open-kernel-log", "/dev/kmsg", O_RDONLY);
  try_open("open-memory-device", "/dev/mem", O_RDONLY);
  try_control_groups();
  report("write-toolbox", folder_made_in(TOOLBOX));
  try_device_node();
  try_handle();
  try_gpu_nodes();
}

/* --- rights over the machine --- */

static void try_clock(void) {
  static long timex[64];
  call(SYS_adjtimex, (long)timex, 0, 0, 0);
  timex[0] = ADJ_FREQUENCY;
  report("set-clock", error_of(call(SYS_adjtimex, (long)timex, 0, 0, 0)));
}

static void try_keys(void) {
  report("add-key", error_of(call6(SYS_add_key, (long)"user", (long)"canary", (long)"x", 1, OF_PROCESS, 0)));
  report("read-keyring", error_of(call6(SYS_keyctl, 0, OF_USER, 0, 0, 0, 0)));
}

static void try_bpf(void) {
  static int map[32];
  long file;
  map[0] = 2;
  map[1] = 4;
  map[2] = 4;
  map[3] = 1;
  file = call(SYS_bpf, 0, (long)map, 72, 0);
  close_if_open(file);
  report("load-bpf", error_of(file));
}

/* Of everything that runs on the first processor. */
static void try_performance_events(void) {
  static int event[32];
  long file;
  event[0] = 1;
  event[1] = 64;
  file = call6(SYS_perf_event_open, (long)event, -1, 0, -1, 0, 0);
  close_if_open(file);
  report("watch-processor", error_of(file));
}

static void try_machine(void) {
  report("load-module", error_of(call(SYS_init_module, (long)"", 0, (long)"", 0)));
  report("reboot", error_of(call(SYS_reboot, RESTART_MAGIC, RESTART_MAGIC_2, NO_RESTART_COMMAND, 0)));
  report("use-io-ports", error_of(call(SYS_iopl, 3, 0, 0, 0)));
  try_clock();
  try_keys();
  try_bpf();
  try_performance_events();
  report("gain-privileges", call6(SYS_prctl, PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0, 0) == 1 ? EPERM : 0);
}

static void print_capabilities(void) {
  unsigned long held = 0;
  long capability;
  for (capability = 0; capability <= LAST_CAPABILITY; capability++) {
    if (call6(SYS_prctl, PR_CAPBSET_READ, capability, 0, 0, 0, 0) == 1) held |= 1UL << capability;
  }
  print("capabilities ");
  print_number(held, 16);
  print("\n");
}

/* --- the network --- */

static void try_raw_sockets(void) {
  long packets = call(SYS_socket, AF_PACKET, SOCK_RAW, ALL_PACKETS, 0);
  long messages = call(SYS_socket, AF_INET, SOCK_RAW, PROTOCOL_ICMP, 0);
  close_if_open(packets);
  close_if_open(messages);
  report("raw-packets", error_of(packets));
  report("raw-socket", error_of(messages));
}

/* It sets the size that the device has. */
static void try_network_change(void) {
  static struct device_request request = {"eth0", 0, {0}};
  long file = call(SYS_socket, AF_INET, SOCK_DGRAM, 0, 0);
  long result = call(SYS_ioctl, file, SIOCGIFMTU, (long)&request, 0);
  if (result == 0) result = call(SYS_ioctl, file, SIOCSIFMTU, (long)&request, 0);
  close_if_open(file);
  report("change-network", error_of(result));
}

static int digit_of(char letter) {
  if (letter >= '0' && letter <= '9') return letter - '0';
  if (letter >= 'A' && letter <= 'F') return letter - 'A' + 10;
  return -1;
}

/* The kernel's table has a line a route: device, destination, gateway, each address in hex of its bytes reversed. */
static int read_gateway(unsigned char *bytes) {
  static char routes[ROUTES_BYTES];
  long file = open_for("/proc/net/route", O_RDONLY), got, at, each;
  int is_device = 1;
  got = file < 0 ? -1 : call(SYS_read, file, (long)routes, ROUTES_BYTES - 1, 0);
  close_if_open(file);
  for (at = 0; at < got; at++) {
    int is_destination = is_device && routes[at] == '\t';
    if (routes[at] == '\n') is_device = 1;
    if (is_destination) is_device = 0;
    if (!is_destination || !begins_with(routes + at, "\t00000000\t")) continue;
    at += 10;
    for (each = 0; each < 4; each++) {
      int high = digit_of(routes[at + 6 - 2 * each]), low = digit_of(routes[at + 7 - 2 * each]);
      if (high < 0 || low < 0) return 0;
      bytes[each] = high * 16 + low;
    }
    return 1;
  }
  return 0;
}

/* @returns what follows the address and its port; null where that is none. */
static char *read_target(char *text, struct internet_address *target) {
  long each, value;
  target->family = AF_INET;
  if (begins_with(text, "gateway")) {
    text += 7;
    if (!read_gateway(target->bytes)) return 0;
  } else {
    for (each = 0; each < 4; each++) {
      if (*text < '0' || *text > '9') return 0;
      for (value = 0; *text >= '0' && *text <= '9' && value < 256; text++) value = value * 10 + (*text - '0');
      if (value > 255 || *text != (each < 3 ? '.' : ':')) return 0;
      target->bytes[each] = value;
      if (each < 3) text++;
    }
  }
  if (*text != ':') return 0;
  value = number_of(text + 1);
  target->port = ((value & 0xff) << 8) | ((value >> 8) & 0xff);
  for (text++; *text >= '0' && *text <= '9'; text++) continue;
  return text;
}

static struct polled connections[MOST_CONNECTIONS];
static long errors[MOST_CONNECTIONS];

static long begin_connection(struct internet_address *target, struct polled *connection) {
  long result;
  connection->file = call(SYS_socket, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0, 0);
  connection->asked = POLLOUT;
  if (connection->file < 0) return -connection->file;
  result = error_of(call(SYS_connect, connection->file, (long)target, sizeof(*target), 0));
  if (result == EINPROGRESS) return EINPROGRESS;
  connection->file = -1;
  return result;
}

static void take_answers(long count) {
  long each, size;
  int error;
  for (each = 0; each < count; each++) {
    if (connections[each].file < 0 || connections[each].answered == 0) continue;
    error = 0;
    size = sizeof(error);
    call6(SYS_getsockopt, connections[each].file, SOL_SOCKET, SO_ERROR, (long)&error, (long)&size, 0);
    errors[each] = error;
    connections[each].file = -1;
  }
}

static void try_connections(char *targets) {
  static struct internet_address target;
  long count = 0, each, until = milliseconds() + CONNECT_MS, left;
  while (targets != 0 && *targets != 0 && count < MOST_CONNECTIONS) {
    targets = read_target(targets, &target);
    if (targets == 0) break;
    errors[count] = begin_connection(&target, &connections[count]);
    count++;
    while (*targets == ' ') targets++;
  }
  while ((left = until - milliseconds()) > 0) {
    for (each = 0; each < count && connections[each].file < 0; each++) continue;
    if (each == count) break;
    call(SYS_poll, (long)connections, count, left, 0);
    take_answers(count);
  }
  for (each = 0; each < count; each++) {
    print("connect-");
    print_number(each, 10);
    report("", errors[each] == EINPROGRESS ? ETIMEDOUT : errors[each]);
  }
}

void run(long *stack) {
  char **environment = (char **)(stack + 1) + stack[0] + 1;
  call(SYS_alarm, ALL_SECONDS, 0, 0, 0);
  call(SYS_mkdir, (long)ATTEMPT, 0700, 0, 0);
  try_mounts();
  try_processes(value_of(environment, "CANARY_PID="));
  try_namespaces();
  try_files(value_of(environment, "CANARY_PATHS="), value_of(environment, "CANARY_SOCKET="));
  try_machine();
  print_capabilities();
  try_raw_sockets();
  try_network_change();
  try_connections(value_of(environment, "CANARY_CONNECT="));
  print("end\n");
  leave(0);
}
