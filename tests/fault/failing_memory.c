#define _POSIX_C_SOURCE 200809L
#include "fault/failing_memory.h"

#include <jansson.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/mem.h"

static _Thread_local bool counting;
static _Thread_local bool fail_on;
static _Thread_local size_t fail_at;
static _Thread_local size_t calls;
static _Thread_local size_t largest;
static atomic_size_t held;

void failing_memory_start(size_t nth, bool on) {
    fail_at = nth;
    fail_on = on;
    calls = 0;
    largest = 0;
    counting = true;
}

size_t failing_memory_stop(void) {
    counting = false;
    return calls;
}

size_t failing_memory_largest(void) {
    return largest;
}

size_t failing_memory_held(void) {
    return atomic_load(&held);
}

bool failing_memory_step(void) {
    if (!counting) {
        return true;
    }
    calls++;
    return fail_at == 0 || (fail_on ? calls < fail_at : calls != fail_at);
}

/* Where the shim counts malloc itself, an allocation must not count twice. */
static bool step(size_t size) {
    largest = size > largest ? size : largest;
    return malloc_is_shimmed || failing_memory_step();
}

static void *hold(void *block) {
    if (block != NULL) {
        atomic_fetch_add(&held, 1);
    }
    return block;
}

void *mem_calloc(size_t count, size_t size) {
    size_t total;
    if (!checked_mul(&total, count, size) || !step(total)) {
        return NULL;
    }
    return hold(calloc(1, total == 0 ? 1 : total));
}

/* Filled with what nobody may rely on. */
void *mem_alloc_aligned(size_t count, size_t size) {
    size_t total;
    void *block = NULL;
    if (!checked_mul(&total, count, size) ||
        !checked_align(&total, total == 0 ? 1 : total, MEM_ALIGNMENT) || !step(total) ||
        posix_memalign(&block, MEM_ALIGNMENT, total) != 0) {
        return NULL;
    }
    memset(block, 0xA5, total);
    return hold(block);
}

void *mem_resize(void *pointer, size_t count, size_t size) {
    size_t total;
    if (!checked_mul(&total, count, size) || !step(total)) {
        return NULL;
    }
    void *block = realloc(pointer, total == 0 ? 1 : total);
    return pointer == NULL ? hold(block) : block;
}

char *mem_strdup(const char *string) {
    size_t length = strlen(string) + 1;
    char *copy = mem_calloc(length, 1);
    if (copy != NULL) {
        memcpy(copy, string, length);
    }
    return copy;
}

uint64_t mem_addresses_left(void) {
    return step(0) ? UINT64_MAX : 0;
}

void mem_free(void *pointer) {
    if (pointer != NULL) {
        atomic_fetch_sub(&held, 1);
    }
    free(pointer);
}

static void *allocate(size_t size) {
    return mem_calloc(size, 1);
}

void failing_memory_install(void) {
    json_set_alloc_funcs(allocate, mem_free);
}
