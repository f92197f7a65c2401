#define _POSIX_C_SOURCE 200809L
#include "machine.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/parse.h"

#define MOST_PAGES ((int64_t) 1 << 40)
#define MOST_KIB ((int64_t) 1 << 50)

/* The beginning of a file of /proc as a string, "" if there is none; file_read refuses these, as
 * their size is told as 0, and the beginning is all that is needed. */
static void read_head(const char *path, char *out, size_t size) {
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    out[0] = '\0';
    if (descriptor < 0) {
        return;
    }
    ssize_t got = read(descriptor, out, size - 1);
    close(descriptor);
    out[got > 0 ? got : 0] = '\0';
}

/* The model name in /proc/cpuinfo. */
void machine_cpu(char *out, size_t size) {
    char head[4096];
    out[0] = '\0';
    read_head("/proc/cpuinfo", head, sizeof head);
    const char *line = strstr(head, "model name");
    const char *colon = line != NULL ? strchr(line, ':') : NULL;
    if (colon != NULL) {
        colon += 1 + strspn(colon + 1, " \t");
        snprintf(out, size, "%.*s", (int) strcspn(colon, "\n"), colon);
    }
}

/* The number that a text begins with. */
static bool leading_number(const char *text, int64_t most, uint64_t *out) {
    int64_t number = 0;
    if (!parse_int64_span(text, strspn(text, "0123456789"), 0, most, &number)) {
        return false;
    }
    *out = (uint64_t) number;
    return true;
}

static uint64_t memory_left(void) {
    static const char KEY[] = "MemAvailable:";
    char head[4096];
    uint64_t kib;
    read_head("/proc/meminfo", head, sizeof head);
    const char *line = strstr(head, KEY);
    if (line == NULL) {
        return UINT64_MAX;
    }
    line += sizeof KEY - 1;
    return leading_number(line + strspn(line, " "), MOST_KIB, &kib) ? kib << 10 : UINT64_MAX;
}

static uint64_t addresses_left(void) {
    char head[128];
    uint64_t pages;
    struct rlimit limit;
    long page = sysconf(_SC_PAGESIZE);
    read_head("/proc/self/statm", head, sizeof head);
    if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY || page <= 0 ||
        !leading_number(head, MOST_PAGES, &pages)) {
        return UINT64_MAX;
    }
    uint64_t used = pages * (uint64_t) page;
    return limit.rlim_cur > used ? limit.rlim_cur - used : 0;
}

struct machine_room machine_room(void) {
    return (struct machine_room){.memory = memory_left(), .addresses = addresses_left()};
}
