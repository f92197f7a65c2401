#include "text/charsmap.h"

#include <stdbool.h>
#include <string.h>

#include "base/checked.h"
#include "base/mem.h"

#define UNIT_BYTES ((size_t) 4)
#define BLOCK ((size_t) 256) /* units: all that one offset leads to */

static uint32_t read_unit(const unsigned char *bytes) {
    return bytes[0] | (uint32_t) bytes[1] << 8 | (uint32_t) bytes[2] << 16 |
           (uint32_t) bytes[3] << 24;
}

static bool unit_has_value(uint32_t unit) {
    return (unit >> 8 & 1) != 0;
}

static uint32_t unit_offset(uint32_t unit) {
    return (unit >> 10) << ((unit & (1U << 9)) >> 6);
}

/* A unit that is a value has bit 31, so that no byte is its label. */
static uint32_t unit_label(uint32_t unit) {
    return unit & ((1U << 31) | 0xFF);
}

static uint32_t unit_value(uint32_t unit) {
    return unit & ~(1U << 31);
}

void charsmap_free(struct charsmap *map) {
    mem_free(map->units);
    mem_free(map->texts);
    *map = (struct charsmap){0};
}

/* All that can be looked up is there. Every unit may be reached; one that is a value leads nowhere.
 */
static bool is_sound(const struct charsmap *map) {
    if (map->units[0] >> 31 != 0) {
        return false;
    }
    for (size_t i = 0; i < map->count; i++) {
        uint32_t unit = map->units[i];
        if (unit >> 31 != 0) {
            continue;
        }
        size_t base = i ^ unit_offset(unit);
        if (base >= map->count ||
            (unit_has_value(unit) && unit_value(map->units[base]) >= map->texts_size)) {
            return false;
        }
    }
    return true;
}

static enum vitlrp_status take(const unsigned char *bytes, size_t array, size_t size,
                               struct charsmap *map, struct vitlrp_error *err) {
    map->count = array / UNIT_BYTES;
    map->texts_size = size - array;
    map->units = mem_calloc(map->count, sizeof *map->units);
    map->texts = mem_calloc(map->texts_size, 1);
    if (map->units == NULL || map->texts == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a charsmap of %zu bytes", size);
    }
    for (size_t i = 0; i < map->count; i++) {
        map->units[i] = read_unit(bytes + i * UNIT_BYTES);
    }
    memcpy(map->texts, bytes + array, map->texts_size);
    if (map->texts[map->texts_size - 1] != '\0' || !is_sound(map)) {
        return fail(err, VITLRP_FORMAT, "the precompiled charsmap leads out of itself: damaged");
    }
    return VITLRP_OK;
}

enum vitlrp_status charsmap_read(const void *data, size_t size, struct charsmap *out,
                                 struct vitlrp_error *err) {
    const unsigned char *bytes = data;
    *out = (struct charsmap){0};
    if (size == 0) {
        return VITLRP_OK;
    }
    size_t array = size < UNIT_BYTES ? 0 : read_unit(bytes);
    if (array == 0 || array >= size - UNIT_BYTES || array % (BLOCK * UNIT_BYTES) != 0) {
        return fail(err, VITLRP_FORMAT,
                    "the precompiled charsmap of %zu bytes states an array of %zu: damaged", size,
                    array);
    }
    enum vitlrp_status status = take(bytes + UNIT_BYTES, array, size - UNIT_BYTES, out, err);
    if (status != VITLRP_OK) {
        charsmap_free(out);
    }
    return status;
}

size_t charsmap_find(const struct charsmap *map, const char *bytes, size_t length,
                     enum charsmap_choice choice, const char **replacement) {
    size_t found = 0;
    size_t at = map->count == 0 ? 0 : unit_offset(map->units[0]);
    size_t most = map->count == 0 ? 0 : size_min(length, CHARSMAP_MAX_KEY);
    for (size_t i = 0; i < most; i++) {
        unsigned char byte = (unsigned char) bytes[i];
        at ^= byte;
        uint32_t unit = map->units[at];
        if (byte == 0 || unit_label(unit) != byte) {
            break;
        }
        at ^= unit_offset(unit);
        if (unit_has_value(unit)) {
            found = i + 1;
            *replacement = map->texts + unit_value(map->units[at]);
            if (choice == CHARSMAP_SHORTEST) {
                break;
            }
        }
    }
    return found;
}
