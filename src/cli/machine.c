#define _POSIX_C_SOURCE 200809L
#include "machine.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/file.h"
#include "base/parse.h"
#include "control_group.h"

#define MOST_PAGES ((int64_t) 1 << 40)
#define MOST_KIB ((int64_t) 1 << 50)

/* The model name in /proc/cpuinfo. */
void machine_cpu(char *out, size_t size) {
    char head[4096];
    out[0] = '\0';
    file_read_head("/proc/cpuinfo", head, sizeof head);
    const char *line = strstr(head, "model name");
    const char *colon = line != NULL ? strchr(line, ':') : NULL;
    if (colon != NULL) {
        colon += 1 + strspn(colon + 1, " \t");
        snprintf(out, size, "%.*s", (int) strcspn(colon, "\n"), colon);
    }
}

/* A line of /proc/meminfo. */
static uint64_t meminfo_bytes(const char *head, const char *key) {
    int64_t kib;
    const char *line = strstr(head, key);
    if (line == NULL) {
        return UINT64_MAX;
    }
    line += strlen(key);
    bool told = parse_leading_int64(line + strspn(line, " "), MOST_KIB, &kib);
    return told ? (uint64_t) kib << 10 : UINT64_MAX;
}

static uint64_t addresses_left(void) {
    char head[128];
    int64_t pages;
    struct rlimit limit;
    long page = sysconf(_SC_PAGESIZE);
    file_read_head("/proc/self/statm", head, sizeof head);
    if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY || page <= 0 ||
        !parse_leading_int64(head, MOST_PAGES, &pages)) {
        return UINT64_MAX;
    }
    uint64_t used = (uint64_t) pages * (uint64_t) page;
    return limit.rlim_cur > used ? limit.rlim_cur - used : 0;
}

struct machine_room machine_room(void) {
    char head[4096];
    file_read_head("/proc/meminfo", head, sizeof head);
    uint64_t memory = meminfo_bytes(head, "MemAvailable:");
    uint64_t swap = meminfo_bytes(head, "SwapFree:");
    uint64_t both = swap < UINT64_MAX - memory ? memory + swap : memory;
    uint64_t group = control_group_left("/proc/self/cgroup", "/sys/fs/cgroup");
    return (struct machine_room){.memory = memory < group ? memory : group,
                                 .with_swap = both < group ? both : group,
                                 .addresses = addresses_left()};
}
