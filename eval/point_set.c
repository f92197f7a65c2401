#include "eval/point_set.h"

#include <assert.h>
#include <string.h>

#include "base/checked.h"

#define WORD_BITS 64
#define NO_POINT UINT32_MAX

bool point_set_measure(struct point_set *points, size_t units, size_t most) {
    if (most > NO_POINT / 4) {
        return false;
    }
    *points = (struct point_set){.units = units,
                                 .words = units / WORD_BITS + (units % WORD_BITS > 0 ? 1 : 0),
                                 .most = most,
                                 .slot_count = 4};
    while (points->slot_count < 2 * most) {
        points->slot_count *= 2;
    }
    return true;
}

void point_set_lay_out(struct point_set *points, struct arena *arena) {
    points->built = arena_take(arena, points->words, sizeof *points->built);
    points->sets = arena_take(arena, points->most, points->words * sizeof *points->sets);
    points->slots = arena_take(arena, points->slot_count, sizeof *points->slots);
}

bool point_set_bytes(size_t units, size_t most, size_t *bytes) {
    struct point_set points;
    struct arena arena = arena_measuring();
    if (!point_set_measure(&points, units, most)) {
        return false;
    }
    point_set_lay_out(&points, &arena);
    *bytes = arena.used;
    return !arena.overflow;
}

void point_set_begin(struct point_set *points) {
    memset(points->slots, 0xFF, points->slot_count * sizeof *points->slots);
    points->count = 0;
}

void point_set_clear(struct point_set *points) {
    memset(points->built, 0, points->words * sizeof *points->built);
}

void point_set_add(struct point_set *points, size_t unit) {
    points->built[unit / WORD_BITS] |= UINT64_C(1) << unit % WORD_BITS;
}

static uint64_t hash_set(const uint64_t *set, size_t words) {
    uint64_t hash = 0;
    for (size_t i = 0; i < words; i++) {
        hash = (hash ^ set[i]) * UINT64_C(0x9E3779B97F4A7C15);
        hash ^= hash >> 29;
    }
    return hash;
}

uint32_t point_set_intern(struct point_set *points) {
    size_t bytes = points->words * sizeof *points->built;
    size_t slot = (size_t) hash_set(points->built, points->words) & (points->slot_count - 1);
    while (points->slots[slot] != NO_POINT) {
        uint32_t point = points->slots[slot];
        if (memcmp(points->sets + point * points->words, points->built, bytes) == 0) {
            return point;
        }
        slot = (slot + 1) & (points->slot_count - 1);
    }
    assert(points->count < points->most);
    points->slots[slot] = (uint32_t) points->count;
    memcpy(points->sets + points->count * points->words, points->built, bytes);
    return (uint32_t) points->count++;
}

void point_set_mask(const struct point_set *points, size_t point, uint8_t *mask) {
    const uint64_t *set = points->sets + point * points->words;
    for (size_t unit = 0; unit < points->units; unit++) {
        mask[unit] = (uint8_t) (set[unit / WORD_BITS] >> unit % WORD_BITS & 1);
    }
}
