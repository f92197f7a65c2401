#include "base/arena.h"

#include "base/checked.h"
#include "base/mem.h"

/* In an AddressSanitizer build a gap after every piece is poisoned, so that an overrun of one is
 * seen. */
#if defined(__SANITIZE_ADDRESS__)
#define ARENA_POISON 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_POISON 1
#endif
#endif

#ifdef ARENA_POISON
#include <sanitizer/asan_interface.h>
#define ARENA_GAP ((size_t) 128)
#else
#define ARENA_GAP ((size_t) 0)
#endif

struct arena arena_measuring(void) {
    return (struct arena){.block = NULL, .size = (size_t) -1, .used = 0, .overflow = false};
}

struct arena arena_over(void *block, size_t size) {
    return (struct arena){.block = block, .size = size, .used = 0, .overflow = false};
}

void *arena_take(struct arena *arena, size_t count, size_t size) {
    size_t bytes;
    size_t end;
    if (arena->overflow || !checked_mul(&bytes, count, size) ||
        !checked_align(&bytes, bytes, MEM_ALIGNMENT) || !checked_add(&end, bytes, ARENA_GAP) ||
        !checked_add(&end, end, arena->used) || end > arena->size) {
        arena->overflow = true;
        return NULL;
    }
    void *piece = arena->block == NULL ? NULL : arena->block + arena->used;
#ifdef ARENA_POISON
    if (piece != NULL) {
        __asan_unpoison_memory_region(piece, bytes);
        __asan_poison_memory_region((unsigned char *) piece + bytes, ARENA_GAP);
    }
#endif
    arena->used = end;
    return piece;
}

float *arena_take_floats(struct arena *arena, size_t rows, size_t columns) {
    size_t row_bytes;
    if (!checked_mul(&row_bytes, columns, sizeof(float))) {
        arena->overflow = true;
        return NULL;
    }
    return arena_take(arena, rows, row_bytes);
}
