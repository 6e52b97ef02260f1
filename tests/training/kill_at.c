// Ends the process, as kill -9 does, at the Nth change that it makes to files
// below a folder; counts these changes in a file if N is 0.
//
//     KILL_FOLDER=… KILL_AT=N KILL_COUNT=FILE LD_PRELOAD=… program
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void change(const char* path) {
  static int count = 0;
  const char* folder = getenv("KILL_FOLDER");
  if (folder == NULL || path == NULL || strstr(path, folder) == NULL) return;
  const int number = __atomic_add_fetch(&count, 1, __ATOMIC_SEQ_CST);
  const char* at = getenv("KILL_AT");
  if (at != NULL && atoi(at) == number) kill(getpid(), SIGKILL);
  const char* log = getenv("KILL_COUNT");
  if (log != NULL) {
    int (*real)(const char*, int, ...) = dlsym(RTLD_NEXT, "open");
    const int file = real(log, O_WRONLY | O_CREAT | O_APPEND, 0644);
    dprintf(file, "%d %s\n", number, path);
    close(file);
  }
}

#define OPEN(name)                                            \
  int name(const char* path, int flags, ...) {                \
    int (*real)(const char*, int, ...);                       \
    real = (int (*)(const char*, int, ...))dlsym(RTLD_NEXT, #name); \
    va_list arguments;                                        \
    va_start(arguments, flags);                               \
    const mode_t mode = va_arg(arguments, mode_t);            \
    va_end(arguments);                                        \
    if (flags & (O_WRONLY | O_RDWR | O_CREAT)) change(path);  \
    return real(path, flags, mode);                           \
  }
OPEN(open)
OPEN(open64)

#define FOPEN(name)                                                      \
  FILE* name(const char* path, const char* mode) {                       \
    FILE* (*real)(const char*, const char*);                             \
    real = (FILE * (*)(const char*, const char*)) dlsym(RTLD_NEXT, #name); \
    if (strpbrk(mode, "wa+") != NULL) change(path);                      \
    return real(path, mode);                                             \
  }
FOPEN(fopen)
FOPEN(fopen64)

int rename(const char* from, const char* to) {
  int (*real)(const char*, const char*) = dlsym(RTLD_NEXT, "rename");
  change(to);
  return real(from, to);
}

int unlink(const char* path) {
  int (*real)(const char*) = dlsym(RTLD_NEXT, "unlink");
  change(path);
  return real(path);
}

int unlinkat(int folder, const char* path, int flags) {
  int (*real)(int, const char*, int) = dlsym(RTLD_NEXT, "unlinkat");
  // shutil removes trees by names relative to their folders.
  char whole[4096], link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
  const ssize_t length = readlink(link, whole, sizeof whole - 1);
  if (length > 0) {
    whole[length] = 0;
    change(whole);
  }
  return real(folder, path, flags);
}

int mkdir(const char* path, mode_t mode) {
  int (*real)(const char*, mode_t) = dlsym(RTLD_NEXT, "mkdir");
  change(path);
  return real(path, mode);
}

int rmdir(const char* path) {
  int (*real)(const char*) = dlsym(RTLD_NEXT, "rmdir");
  change(path);
  return real(path);
}
