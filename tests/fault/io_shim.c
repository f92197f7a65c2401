/* Preloaded into the command: makes the n-th call of one kind that writes a file or starts a thread
 * fail, or stop halfway. VITLRP_FAULT is "KIND:N:WHAT": KIND one of create, write, pwrite, fsync,
 * fdatasync, close, rename and thread, N a number or * for every call, WHAT an errno's number,
 * "short", or "kill", which ends the process before the call, or "signalN", which sends it this
 * signal then. VITLRP_FAULT_LOG is a file that exists once the fault has happened.
 * VITLRP_FAULT_TRACE is a file that gets the kind of every such call, a line each. Standard streams
 * are left alone. VITLRP_FAULT_MEMORY is "N": from the N-th time on that the command asks how much
 * memory is left (/proc/meminfo), there is next to none. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SHORT (-1)

#pragma GCC visibility push(default)

/* Appends a line by calls that are not ours. */
static void trace(const char *kind) {
    const char *path = getenv("VITLRP_FAULT_TRACE");
    long fd = path == NULL
                  ? -1
                  : syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND, 0666);
    if (fd >= 0) {
        syscall(SYS_write, fd, kind, strlen(kind));
        syscall(SYS_write, fd, "\n", 1);
        syscall(SYS_close, fd);
    }
}

/* 0: the call is to go its way; else an errno, or SHORT. */
static int fault_of(const char *kind) {
    static long calls;
    const char *wanted = getenv("VITLRP_FAULT");
    const char *log = getenv("VITLRP_FAULT_LOG");
    size_t length = strlen(kind);
    trace(kind);
    if (wanted == NULL || log == NULL || strncmp(wanted, kind, length) != 0 ||
        wanted[length] != ':') {
        return 0;
    }
    char *end = NULL;
    bool always = wanted[length + 1] == '*';
    long nth = always ? 0 : strtol(wanted + length + 1, &end, 10);
    end = always ? (char *) wanted + length + 2 : end;
    if ((!always && ++calls != nth) || *end != ':') {
        return 0;
    }
    long fd = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT, 0666);
    if (fd >= 0) {
        syscall(SYS_close, fd);
    }
    if (strcmp(end + 1, "kill") == 0) {
        kill(getpid(), SIGKILL);
    }
    if (strncmp(end + 1, "signal", 6) == 0) {
        kill(getpid(), (int) strtol(end + 7, NULL, 10));
    }
    return strcmp(end + 1, "short") == 0 ? SHORT : (int) strtol(end + 1, NULL, 10);
}

static int refuse(int fault) {
    errno = fault;
    return -1;
}

ssize_t write(int fd, const void *data, size_t size) {
    int fault = fd > 2 ? fault_of("write") : 0;
    if (fault > 0) {
        return refuse(fault);
    }
    size = fault == SHORT && size > 1 ? size / 2 : size;
    return syscall(SYS_write, fd, data, size);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) {
    int fault = fault_of("pwrite");
    if (fault > 0) {
        return refuse(fault);
    }
    size = fault == SHORT && size > 1 ? size / 2 : size;
    return syscall(SYS_pwrite64, fd, data, size, offset);
}

int fsync(int fd) {
    int fault = fault_of("fsync");
    return fault > 0 ? refuse(fault) : (int) syscall(SYS_fsync, fd);
}

int fdatasync(int fd) {
    int fault = fault_of("fdatasync");
    return fault > 0 ? refuse(fault) : (int) syscall(SYS_fdatasync, fd);
}

/* Only of descriptors that are written to: close is not asked about the others. */
int close(int fd) {
    int flags = fcntl(fd, F_GETFL);
    bool written = flags >= 0 && (flags & O_ACCMODE) != O_RDONLY && fd > 2;
    int fault = written ? fault_of("close") : 0;
    int result = (int) syscall(SYS_close, fd);
    return fault > 0 ? refuse(fault) : result;
}

int renameat(int from, const char *old, int to, const char *new) {
    int fault = fault_of("rename");
    return fault > 0 ? refuse(fault) : (int) syscall(SYS_renameat2, from, old, to, new, 0);
}

int openat(int folder, const char *path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    int fault = (flags & O_CREAT) != 0 ? fault_of("create") : 0;
    return fault > 0 ? refuse(fault) : (int) syscall(SYS_openat, folder, path, flags, mode);
}

/* A file that says so, which is gone when it is closed. */
static int open_little_memory(void) {
    static const char LITTLE[] = "MemTotal: 1000 kB\nMemAvailable: 100 kB\nSwapFree: 0 kB\n";
    int fd = (int) syscall(SYS_memfd_create, "meminfo", 0);
    if (fd >= 0) {
        syscall(SYS_write, fd, LITTLE, sizeof LITTLE - 1);
        syscall(SYS_lseek, fd, 0, SEEK_SET);
    }
    return fd;
}

int open(const char *path, int flags, ...) {
    static atomic_long asked;
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    const char *from = getenv("VITLRP_FAULT_MEMORY");
    if (from != NULL && strcmp(path, "/proc/meminfo") == 0 &&
        atomic_fetch_add(&asked, 1) + 1 >= strtol(from, NULL, 10)) {
        return open_little_memory();
    }
    return (int) syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                   void *argument) {
    int (*next)(pthread_t *, const pthread_attr_t *, void *(*) (void *), void *);
    *(void **) &next = dlsym(RTLD_NEXT, "pthread_create");
    int fault = fault_of("thread");
    return fault > 0 ? fault : next(thread, attributes, run, argument);
}
