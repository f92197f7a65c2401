#define _GNU_SOURCE
#include "base/mem.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/file.h"
#include "base/parse.h"

void *mem_calloc(size_t count, size_t size) {
    size_t total;
    if (!checked_mul(&total, count, size)) {
        return NULL;
    }
    return calloc(1, total == 0 ? 1 : total);
}

/* Large blocks lie on huge pages where the system gives them: on virtual machines the first touch
 * of a page costs microseconds, and a model has 512 times fewer of these. */
#define HUGE_PAGE ((size_t) 2 << 20)
#define LARGE_BLOCK (2 * HUGE_PAGE)

void *mem_alloc_aligned(size_t count, size_t size) {
    size_t total;
    void *block = NULL;
    if (!checked_mul(&total, count, size) ||
        !checked_align(&total, total == 0 ? 1 : total, MEM_ALIGNMENT)) {
        return NULL;
    }
    bool large = total >= LARGE_BLOCK;
    if (posix_memalign(&block, large ? HUGE_PAGE : MEM_ALIGNMENT, total) != 0) {
        return NULL;
    }
#ifdef MADV_HUGEPAGE
    if (large) {
        /* A wish: a system that does not grant it serves small pages. */
        (void) madvise(block, total, MADV_HUGEPAGE);
    }
#endif
    return block;
}

void *mem_resize(void *pointer, size_t count, size_t size) {
    size_t total;
    if (!checked_mul(&total, count, size)) {
        return NULL;
    }
    return realloc(pointer, total == 0 ? 1 : total);
}

char *mem_strdup(const char *string) {
    size_t length = strlen(string) + 1;
    char *copy = mem_calloc(length, 1);
    if (copy != NULL) {
        memcpy(copy, string, length);
    }
    return copy;
}

#define MOST_PAGES ((int64_t) 1 << 40)

uint64_t mem_addresses_left(void) {
    char head[128];
    int64_t pages;
    struct rlimit limit;
    long page = sysconf(_SC_PAGESIZE);
    if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY || page <= 0) {
        return UINT64_MAX;
    }
    file_read_head("/proc/self/statm", head, sizeof head);
    if (!parse_leading_int64(head, MOST_PAGES, &pages)) {
        return UINT64_MAX;
    }
    uint64_t used = (uint64_t) pages * (uint64_t) page;
    return limit.rlim_cur > used ? limit.rlim_cur - used : 0;
}

void mem_free(void *pointer) {
    free(pointer);
}
