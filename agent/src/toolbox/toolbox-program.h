/*
 * An image's own program, run by the first process without a shell: found and refused as the container runtime would,
 * in the folders of PATH where its name has no slash. Its exit code says which it was.
 */

#define CANNOT_START 126
#define NOT_FOUND 127
#define ENOENT 2
#define ENOTDIR 20
#define LONGEST_PATH 4096

static const char usual_path[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

static void refuse(const char *program, const char *why, int code) {
  say(program);
  say(why);
  leave(code);
}

/* Returns only where nothing is executed: the kernel's error, as a negative number. */
static long execute_file(const char *file, char **arguments, char **environment) {
  return call(SYS_execve, (long)file, (long)arguments, (long)environment, 0);
}

/* One folder of PATH and the name; an empty folder is the current one. Zero where that is too long. */
static int join(char *file, const char *folder, long folder_length, const char *name) {
  long at = 0, from;
  if (folder_length + length(name) + 2 > LONGEST_PATH) return 0;
  for (from = 0; from < folder_length; from++) file[at++] = folder[from];
  if (at > 0) file[at++] = '/';
  for (; *name != 0; name++) file[at++] = *name;
  file[at] = 0;
  return 1;
}

/* Does not return. */
static void run_program(char **arguments, char **environment) {
  const char *name = arguments[0], *folder = value_of(environment, "PATH=");
  char file[LONGEST_PATH];
  long error, found = -ENOENT, end;
  int has_slash = 0;
  for (end = 0; name[end] != 0; end++) has_slash |= name[end] == '/';
  if (has_slash) {
    found = execute_file(name, arguments, environment);
  } else if (*name != 0) {
    if (folder == 0) folder = usual_path;
    for (;;) {
      for (end = 0; folder[end] != 0 && folder[end] != ':'; end++) continue;
      if (join(file, folder, end, name)) {
        error = execute_file(file, arguments, environment);
        /* What is there and cannot be executed says more than that it is nowhere. */
        if (error != -ENOENT && error != -ENOTDIR) found = error;
      }
      if (folder[end] == 0) break;
      folder += end + 1;
    }
  }
  if (found == -ENOENT || found == -ENOTDIR) refuse(name, ": no such program in this image\n", NOT_FOUND);
  refuse(name, ": cannot be executed in this container\n", CANNOT_START);
}
