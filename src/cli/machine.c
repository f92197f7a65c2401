#define _GNU_SOURCE
#include "machine.h"

#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/parse.h"

/* ---- Control groups ---- */

#define PATH_BYTES                                                                                 \
    2048 /* a longer path of a group is passed over: all this must fit a stack of 64 KiB */

/* The two versions' names of the same things (cgroups(7)). */
struct version {
    const char *folder; /* below the mount */
    const char *limit, *used;
    const char *droppable; /* key in memory.stat */
};

static const struct version V1 = {"/memory", "memory.limit_in_bytes", "memory.usage_in_bytes",
                                  "total_inactive_file "};
static const struct version V2 = {"", "memory.max", "memory.current", "inactive_file "};

/* The number in a file; false without one, which for a limit means that there is none ("max"). */
static bool read_number(const char *folder, const char *name, uint64_t *out) {
    char path[PATH_BYTES];
    char head[64];
    int64_t number;
    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int) sizeof path) {
        return false;
    }
    file_read_head(path, head, sizeof head);
    if (!parse_leading_int64(head, INT64_MAX, &number)) {
        return false;
    }
    *out = (uint64_t) number;
    return true;
}

static uint64_t droppable_bytes(const char *folder, const char *key) {
    char path[PATH_BYTES];
    char head[4096] = "\n"; /* the key stands in the first 2,000 bytes */
    char line[64];
    int64_t number = 0;
    if (snprintf(path, sizeof path, "%s/memory.stat", folder) >= (int) sizeof path) {
        return 0;
    }
    file_read_head(path, head + 1, sizeof head - 1);
    snprintf(line, sizeof line, "\n%s", key);
    const char *found = strstr(head, line);
    if (found != NULL) {
        parse_leading_int64(found + strlen(line), INT64_MAX, &number);
    }
    return (uint64_t) number;
}

/* Of one group. */
static uint64_t left_in(const char *folder, const struct version *version) {
    uint64_t limit;
    uint64_t used;
    if (!read_number(folder, version->limit, &limit) ||
        !read_number(folder, version->used, &used)) {
        return UINT64_MAX;
    }
    uint64_t droppable = droppable_bytes(folder, version->droppable);
    used -= droppable < used ? droppable : used;
    return limit > used ? limit - used : 0;
}

/* Of the group at mount/path and all that it is in. In a container the path may be the host's, and
 * only the mount itself be there: the group that it is in. */
static uint64_t left_on_the_way(const char *mount, const struct version *version, const char *path,
                                size_t length) {
    char folder[PATH_BYTES];
    uint64_t left = UINT64_MAX;
    int base = snprintf(folder, sizeof folder, "%s%s", mount, version->folder);
    int all =
        snprintf(folder, sizeof folder, "%s%s%.*s", mount, version->folder, (int) length, path);
    if (all < base || all >= (int) sizeof folder) {
        return left;
    }
    for (size_t end = (size_t) all;; end--) {
        if (end == (size_t) base || folder[end] == '/' || end == (size_t) all) {
            folder[end] = '\0';
            uint64_t here = left_in(folder, version);
            left = here < left ? here : left;
        }
        if (end == (size_t) base) {
            return left;
        }
    }
}

uint64_t control_group_left(const char *membership, const char *mount) {
    char head[8192];
    uint64_t left = UINT64_MAX;
    file_read_head(membership, head, sizeof head);
    /* Lines "NUMBER:CONTROLLERS:PATH"; version 2 names no controllers. */
    for (const char *line = head; *line != '\0';
         line += strcspn(line, "\n"), line += *line != '\0') {
        const char *names = line + strspn(line, "0123456789");
        size_t count = *names == ':' ? strcspn(names + 1, ":\n") : 0;
        const char *path = *names == ':' ? names + 1 + count : line;
        if (*path != ':') {
            continue;
        }
        path++;
        size_t length = strcspn(path, "\n");
        bool is_memory = count == 6 && memcmp(names + 1, "memory", 6) == 0;
        if (count == 0 || is_memory) {
            uint64_t here = left_on_the_way(mount, is_memory ? &V1 : &V2, path, length);
            left = here < left ? here : left;
        }
    }
    return left;
}

/* ---- Time and processors ---- */

double clock_ms(void) {
    return clock_seconds() * 1e3;
}

size_t available_processors(void) {
    cpu_set_t set;
    CPU_ZERO(&set);
    int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return count < 1 ? 1 : (size_t) count;
}

/* ---- The machine ---- */

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
    bool stated = parse_leading_int64(line + strspn(line, " "), MOST_KIB, &kib);
    return stated ? (uint64_t) kib << 10 : UINT64_MAX;
}

struct machine_room machine_room(void) {
    char head[2048];
    file_read_head("/proc/meminfo", head, sizeof head);
    uint64_t memory = meminfo_bytes(head, "MemAvailable:");
    uint64_t swap = meminfo_bytes(head, "SwapFree:");
    uint64_t both = swap < UINT64_MAX - memory ? memory + swap : memory;
    uint64_t group = control_group_left("/proc/self/cgroup", "/sys/fs/cgroup");
    return (struct machine_room){.memory = memory < group ? memory : group,
                                 .with_swap = both < group ? both : group,
                                 .addresses = mem_addresses_left()};
}
