#define _POSIX_C_SOURCE 200809L
#include "machine.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/parse.h"
#include "control_group.h"

#define MOST_PAGES ((int64_t) 1 << 40)
#define MOST_KIB ((int64_t) 1 << 50)

void machine_read_head(const char *path, char *out, size_t size) {
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
    machine_read_head("/proc/cpuinfo", head, sizeof head);
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

/* A line of /proc/meminfo. */
static uint64_t meminfo_bytes(const char *head, const char *key) {
    uint64_t kib;
    const char *line = strstr(head, key);
    if (line == NULL) {
        return UINT64_MAX;
    }
    line += strlen(key);
    return leading_number(line + strspn(line, " "), MOST_KIB, &kib) ? kib << 10 : UINT64_MAX;
}

static uint64_t addresses_left(void) {
    char head[128];
    uint64_t pages;
    struct rlimit limit;
    long page = sysconf(_SC_PAGESIZE);
    machine_read_head("/proc/self/statm", head, sizeof head);
    if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY || page <= 0 ||
        !leading_number(head, MOST_PAGES, &pages)) {
        return UINT64_MAX;
    }
    uint64_t used = pages * (uint64_t) page;
    return limit.rlim_cur > used ? limit.rlim_cur - used : 0;
}

struct machine_room machine_room(void) {
    char head[4096];
    machine_read_head("/proc/meminfo", head, sizeof head);
    uint64_t memory = meminfo_bytes(head, "MemAvailable:");
    uint64_t swap = meminfo_bytes(head, "SwapFree:");
    uint64_t both = swap < UINT64_MAX - memory ? memory + swap : memory;
    uint64_t group = control_group_left("/proc/self/cgroup", "/sys/fs/cgroup");
    return (struct machine_room){.memory = memory < group ? memory : group,
                                 .with_swap = both < group ? both : group,
                                 .addresses = addresses_left()};
}
