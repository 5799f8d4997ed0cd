/*
 * Which ranks of a gang a container reaches: an echo request to each, asked of all at once from within the container's
 * network, for the agent on the host. Hosts have a ping or have none, and each would be a process of its own per rank.
 *
 *   reach PID SIZE ADDRESS...    says the bytes of a packet, and then each address that answered, a line each
 *
 * PID is of a process in the container. SIZE 0 is the largest packet that the network takes. No packet is taken apart.
 * It ends as soon as all have answered, and at the latest within half a second.
 */

#include "toolbox-system.h"

#define SYS_ioctl 16
#define SYS_sendmsg 46
#define SYS_recvmsg 47
#define SYS_setsockopt 54
#define SYS_setns 308

/* The kind is named, since the agent's unit lets it enter networks and denies a namespace of any kind. */
#define CLONE_NEWNET 0x40000000
#define AF_INET 2
#define SOCK_DGRAM 2
#define SOCK_RAW 3
#define PROTOCOL_IP 0
#define PROTOCOL_ICMP 1
#define LEVEL_RAW 255
#define IP_MTU_DISCOVER 10
/* The size of the device counts, and nothing is taken apart, whatever was learned of the way before. */
#define PROBE 3
#define ICMP_FILTER 1
#define ALL_BUT_ECHO_REPLIES (~1)
#define SIOCGIFMTU 0x8921
#define MSG_DONTWAIT 0x40
#define ECHO 8
#define ECHO_REPLY 0

#define DEVICE "eth0"
#define IP_HEADER 20
#define LEAST 28
#define LARGEST 65535
#define MOST_RANKS 256
/* Milliseconds. The first packet to a rank may have to wait for its hardware address. */
#define ROUNDS 3
#define ROUND 150

struct internet_address {
  unsigned short family, port;
  unsigned char bytes[4];
  char nothing[8];
};
struct piece {
  void *at;
  long size;
};
struct message {
  void *name;
  int name_size;
  struct piece *pieces;
  long count;
  void *control;
  long control_size;
  int flags;
};
struct device_request {
  char name[16];
  int mtu;
  char nothing[20];
};
struct polled {
  int file;
  short asked, answered;
};

/* Static wherever they begin as something: there is no library that would fill them. */
static unsigned char packet[LARGEST];
static unsigned char answer[LARGEST];
static char **names;
static unsigned char ranks[MOST_RANKS][4];
static char has_answered[MOST_RANKS];
static long count, missing;

static long call5(long number, long a, long b, long c, long d, long e) {
  long result;
  __asm__ volatile("mov %5, %%r10\n mov %6, %%r8\n syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "m"(d), "m"(e)
                   : "rcx", "r8", "r10", "r11", "memory");
  return result;
}

static void fail(const char *why) {
  say(why);
  leave(1);
}

static long number_of(const char *digits) {
  long number = 0;
  for (; *digits >= '0' && *digits <= '9' && number <= LARGEST; digits++) number = number * 10 + (*digits - '0');
  return number;
}

static int read_address(const char *text, unsigned char *bytes) {
  long each, value;
  for (each = 0; each < 4; each++) {
    if (*text < '0' || *text > '9') return 0;
    for (value = 0; *text >= '0' && *text <= '9' && value < 256; text++) value = value * 10 + (*text - '0');
    if (value > 255 || *text != (each < 3 ? '.' : 0)) return 0;
    bytes[each] = value;
    text++;
  }
  return 1;
}

static void enter_network_of(const char *pid) {
  char path[64], *into = path;
  const char *parts[3];
  long each, file;
  parts[0] = "/proc/";
  parts[1] = pid;
  parts[2] = "/ns/net";
  if (length(pid) > 10) fail("that is no process\n");
  for (each = 0; each < 3; each++) {
    const char *part = parts[each];
    while (*part != 0) *into++ = *part++;
  }
  *into = 0;
  file = call(SYS_open, (long)path, O_RDONLY | O_CLOEXEC, 0, 0);
  if (file < 0 || call(SYS_setns, file, CLONE_NEWNET, 0, 0) != 0) fail("its network cannot be entered\n");
}

static long largest_packet(void) {
  static struct device_request request = {DEVICE, 0, {0}};
  long file = call(SYS_socket, AF_INET, SOCK_DGRAM, 0, 0);
  if (call(SYS_ioctl, file, SIOCGIFMTU, (long)&request, 0) != 0) fail("it has no " DEVICE "\n");
  call(SYS_close, file, 0, 0, 0);
  return request.mtu;
}

static long open_echo(void) {
  int probe = PROBE, filter = ALL_BUT_ECHO_REPLIES;
  long file = call(SYS_socket, AF_INET, SOCK_RAW, PROTOCOL_ICMP, 0);
  if (file < 0) fail("it may not send echo requests\n");
  call5(SYS_setsockopt, file, PROTOCOL_IP, IP_MTU_DISCOVER, (long)&probe, sizeof(probe));
  call5(SYS_setsockopt, file, LEVEL_RAW, ICMP_FILTER, (long)&filter, sizeof(filter));
  return file;
}

static void write_word(unsigned char *at, long word) {
  at[0] = (word >> 8) & 0xff;
  at[1] = word & 0xff;
}

static long word_at(const unsigned char *at) { return at[0] * 256 + at[1]; }

/* All of the packet but its head is zero. */
static void ask(long file, long size, long identity, long rank) {
  static struct internet_address to = {AF_INET, 0, {0}, {0}};
  static struct piece piece;
  static struct message message;
  long sum, each;
  packet[0] = ECHO;
  write_word(packet + 2, 0);
  write_word(packet + 4, identity);
  write_word(packet + 6, rank);
  sum = word_at(packet) + identity + rank;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  write_word(packet + 2, ~sum & 0xffff);
  for (each = 0; each < 4; each++) to.bytes[each] = ranks[rank][each];
  piece.at = packet;
  piece.size = size - IP_HEADER;
  message.name = &to;
  message.name_size = sizeof(to);
  message.pieces = &piece;
  message.count = 1;
  call(SYS_sendmsg, file, (long)&message, MSG_DONTWAIT, 0);
}

static void take(long file, long size, long identity) {
  static struct piece piece;
  static struct message message;
  long got, each, rank;
  piece.at = answer;
  piece.size = sizeof(answer);
  message.pieces = &piece;
  message.count = 1;
  while ((got = call(SYS_recvmsg, file, (long)&message, MSG_DONTWAIT, 0)) > 0) {
    unsigned char *head = answer + (answer[0] & 0xf) * 4;
    if (got != size || head[0] != ECHO_REPLY || word_at(head + 4) != identity) continue;
    rank = word_at(head + 6);
    if (rank >= count || has_answered[rank]) continue;
    for (each = 0; each < 4 && answer[12 + each] == ranks[rank][each]; each++) continue;
    if (each < 4) continue;
    has_answered[rank] = 1;
    missing--;
  }
}

static void tell(const char *line) { call(SYS_write, 1, (long)line, length(line), 0); }

static void tell_number(long number) {
  char digits[8], *at = digits + sizeof(digits) - 1;
  *at = 0;
  do {
    *--at = '0' + number % 10;
    number /= 10;
  } while (number > 0);
  tell(at);
}

void run(long *stack) {
  char **arguments = (char **)(stack + 1);
  long size, file, identity, round, each, until;
  count = stack[0] - 3;
  if (count < 1 || count > MOST_RANKS) fail("reach PID SIZE ADDRESS...\n");
  names = arguments + 3;
  for (each = 0; each < count; each++) {
    if (!read_address(names[each], ranks[each])) fail("that is no address\n");
  }
  enter_network_of(arguments[1]);
  size = number_of(arguments[2]);
  if (size == 0) size = largest_packet();
  if (size < LEAST || size > LARGEST) fail("that is no size of a packet\n");
  file = open_echo();
  identity = call(SYS_getpid, 0, 0, 0, 0) & 0xffff;
  missing = count;
  for (round = 0; round < ROUNDS && missing > 0; round++) {
    for (each = 0; each < count; each++) {
      if (!has_answered[each]) ask(file, size, identity, each);
    }
    until = milliseconds() + ROUND;
    while (missing > 0 && milliseconds() < until) {
      static struct polled polled = {0, POLLIN, 0};
      polled.file = file;
      call(SYS_poll, (long)&polled, 1, until - milliseconds(), 0);
      take(file, size, identity);
    }
  }
  tell_number(size);
  tell("\n");
  for (each = 0; each < count; each++) {
    if (!has_answered[each]) continue;
    tell(names[each]);
    tell("\n");
  }
  leave(0);
}
