/*
 * Where the output of a container's services lies in the container, for who writes it (toolbox-logs.h) and who reads it
 * (toolbox-service-log.c): of each the newest part and the one before.
 */

#define LOGS_FOLDER "/run/remotegpu"
#define LONGEST_LOG_NAME 32

struct log_files {
  char newest[sizeof(LOGS_FOLDER) + LONGEST_LOG_NAME + 16];
  char before[sizeof(LOGS_FOLDER) + LONGEST_LOG_NAME + 16];
};

static long append(char *text, long at, const char *more) {
  while (*more != 0) text[at++] = *more++;
  text[at] = 0;
  return at;
}

/* The name has at most LONGEST_LOG_NAME characters. */
static void name_files(struct log_files *files, const char *name) {
  append(files->newest, append(files->newest, append(files->newest, 0, LOGS_FOLDER "/"), name), ".log");
  append(files->before, append(files->before, append(files->before, 0, LOGS_FOLDER "/"), name), ".log.before");
}
