#include "imgio/exif.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#define TAG_ORIENTATION 0x0112
#define TYPE_SHORT 3
#define TYPE_LONG 4
#define ENTRY_BYTES 12
#define TILE 32 /* pixels: a tile of source and one of target fit into the first-level cache */

struct tiff {
    const uint8_t *data;
    size_t size;
    bool big_endian;
};

/* The readers return 0 outside the block: offset 0 and tag 0 mean nothing here. */
static uint32_t tiff_u16(const struct tiff *tiff, size_t offset) {
    if (offset > tiff->size || tiff->size - offset < 2) {
        return 0;
    }
    const uint8_t *at = tiff->data + offset;
    return tiff->big_endian ? (uint32_t) at[0] << 8 | at[1] : (uint32_t) at[1] << 8 | at[0];
}

static uint32_t tiff_u32(const struct tiff *tiff, size_t offset) {
    if (offset > tiff->size || tiff->size - offset < 4) {
        return 0;
    }
    uint32_t first = tiff_u16(tiff, offset);
    uint32_t second = tiff_u16(tiff, offset + 2);
    return tiff->big_endian ? first << 16 | second : second << 16 | first;
}

static int32_t entry_value(const struct tiff *tiff, size_t entry) {
    uint32_t type = tiff_u16(tiff, entry + 2);
    uint32_t value = 0;
    if (type == TYPE_SHORT) {
        value = tiff_u16(tiff, entry + 8);
    } else if (type == TYPE_LONG) {
        value = tiff_u32(tiff, entry + 8);
    }
    return value >= 1 && value <= 8 ? (int32_t) value : 0;
}

int32_t exif_orientation(const uint8_t *data, size_t size) {
    if (size < 8) {
        return 0;
    }
    struct tiff tiff = {.data = data, .size = size, .big_endian = data[0] == 'M'};
    if (memcmp(data, "II*\0", 4) != 0 && memcmp(data, "MM\0*", 4) != 0) {
        return 0;
    }
    size_t directory = tiff_u32(&tiff, 4);
    uint32_t entries = tiff_u16(&tiff, directory);
    for (uint32_t i = 0; i < entries; i++) {
        size_t entry = directory + 2 + (size_t) i * ENTRY_BYTES;
        if (entry > size || size - entry < ENTRY_BYTES) {
            return 0;
        }
        if (tiff_u16(&tiff, entry) == TAG_ORIENTATION) {
            return entry_value(&tiff, entry);
        }
    }
    return 0;
}

int32_t exif_orientation_app1(const uint8_t *segment, size_t size) {
    if (size < 6 || memcmp(segment, "Exif\0", 5) != 0) {
        return 0;
    }
    return exif_orientation(segment + 6, size - 6);
}

/* How a pixel of the upright picture is found in the stored one: at origin + x * step_x + y *
 * step_y, in bytes. */
struct walk {
    ptrdiff_t origin, step_x, step_y;
};

static struct walk walk_of(const struct image *stored, int32_t orientation) {
    bool from_right = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
    bool from_bottom = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    ptrdiff_t column = 3;
    ptrdiff_t row = (ptrdiff_t) stored->width * 3;
    struct walk walk = {0};
    if (from_right) {
        walk.origin += column * (stored->width - 1);
        column = -column;
    }
    if (from_bottom) {
        walk.origin += row * (stored->height - 1);
        row = -row;
    }
    bool sideways = orientation >= 5;
    walk.step_x = sideways ? row : column;
    walk.step_y = sideways ? column : row;
    return walk;
}

static void orient_tile(struct image *upright, const struct image *stored, const struct walk *walk,
                        int32_t left, int32_t top) {
    int32_t right = upright->width - left < TILE ? upright->width : left + TILE;
    int32_t bottom = upright->height - top < TILE ? upright->height : top + TILE;
    for (int32_t y = top; y < bottom; y++) {
        uint8_t *to = upright->rgb + ((size_t) y * (size_t) upright->width + (size_t) left) * 3;
        const uint8_t *from = stored->rgb + (walk->origin + left * walk->step_x + y * walk->step_y);
        for (int32_t x = left; x < right; x++, to += 3) {
            to[0] = from[0];
            to[1] = from[1];
            to[2] = from[2];
            if (x + 1 < right) {
                from += walk->step_x;
            }
        }
    }
}

enum vitlrp_status image_orient(struct image *image, int32_t orientation,
                                struct vitlrp_error *err) {
    assert(orientation >= 1 && orientation <= 8);
    if (orientation == 1) {
        return VITLRP_OK;
    }
    bool sideways = orientation >= 5;
    struct image upright;
    TRY(image_alloc(sideways ? image->height : image->width,
                    sideways ? image->width : image->height, &upright, err));
    struct walk walk = walk_of(image, orientation);
    for (int32_t top = 0; top < upright.height; top += TILE) {
        for (int32_t left = 0; left < upright.width; left += TILE) {
            orient_tile(&upright, image, &walk, left, top);
        }
    }
    image_free(image);
    *image = upright;
    return VITLRP_OK;
}
