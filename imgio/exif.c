#include "imgio/exif.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#define TAG_ORIENTATION 0x0112
#define PREFIX "Exif\0\0"
#define PREFIX_BYTES 6
#define XMP_NAMESPACE "http://ns.adobe.com/xap/1.0/"
#define ENTRY_BYTES 12
#define INLINE_BYTES 4 /* of a value in the entry itself */
#define TILE 32 /* pixels: a tile of source and one of target fit into the first-level cache */

/* Types of values. Those without bytes are unknown. */
enum {
    BYTE = 1,
    ASCII,
    SHORT,
    LONG,
    RATIONAL,
    SBYTE,
    UNDEFINED,
    SSHORT,
    SLONG,
    SRATIONAL,
    FLOAT,
    DOUBLE,
    IFD,
    LONG8 = 16,
    TYPES
};
static const uint8_t type_bytes[TYPES] = {
    [BYTE] = 1,  [ASCII] = 1,     [SHORT] = 2,  [LONG] = 4,  [RATIONAL] = 8,
    [SBYTE] = 1, [UNDEFINED] = 1, [SSHORT] = 2, [SLONG] = 4, [SRATIONAL] = 8,
    [FLOAT] = 4, [DOUBLE] = 8,    [IFD] = 4,    [LONG8] = 8,
};

struct tiff {
    const uint8_t *data;
    size_t size;
    bool big_endian;
};

static bool tiff_holds(const struct tiff *tiff, uint64_t offset, uint64_t bytes) {
    return offset <= tiff->size && bytes <= tiff->size - offset;
}

/* The value of `bytes` bytes at an offset inside the block. */
static uint64_t tiff_number(const struct tiff *tiff, size_t offset, size_t bytes) {
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; i++) {
        size_t place = tiff->big_endian ? i : bytes - 1 - i;
        value = value << 8 | tiff->data[offset + place];
    }
    return value;
}

/* The first number of an entry's value; 0 for text and bytes, which are no numbers. */
static double tiff_value(const struct tiff *tiff, size_t type, size_t offset) {
    size_t half = type_bytes[type] / 2;
    uint64_t whole = tiff_number(tiff, offset, type_bytes[type]);
    uint32_t bits = (uint32_t) whole;
    float single = 0;
    double number = 0;
    switch (type) {
    case SHORT:
    case LONG:
    case SBYTE:
    case SSHORT:
    case SLONG:
    case IFD:
    case LONG8:
        return (double) whole; /* signed ones below zero are too large here, and as little use */
    case RATIONAL:
        number = (double) tiff_number(tiff, offset + half, half);
        return number != 0 ? (double) tiff_number(tiff, offset, half) / number : 0;
    case SRATIONAL:
        number = (double) (int32_t) tiff_number(tiff, offset + half, half);
        return number != 0 ? (double) (int32_t) tiff_number(tiff, offset, half) / number : 0;
    case FLOAT:
        memcpy(&single, &bits, sizeof single);
        return (double) single;
    case DOUBLE:
        memcpy(&number, &whole, sizeof number);
        return number;
    default:
        return 0;
    }
}

static int32_t orientation_of(double value) {
    for (int32_t orientation = 1; orientation <= 8; orientation++) {
        if (value == orientation) {
            return orientation;
        }
    }
    return 1;
}

/* How far a directory was read. */
struct reading {
    bool ended;
    size_t value;               /* where that of the last entry lies */
    uint64_t elsewhere;         /* bytes of values that lie behind the directory */
    uint8_t taken[0x10000 / 8]; /* a bit for each tag that has a value */
};

/* True if the entry has a value that counts. As for Pillow, the first value of a tag counts, a
 * value that is not there ends the directory, and those beyond the size of the whole block count
 * for nothing. */
static bool entry_read(const struct tiff *tiff, size_t entry, struct reading *reading) {
    size_t tag = (size_t) tiff_number(tiff, entry, 2);
    size_t type = (size_t) tiff_number(tiff, entry + 2, 2);
    uint64_t bytes = type < TYPES ? type_bytes[type] * tiff_number(tiff, entry + 4, 4) : 0;
    if (bytes == 0 || (reading->taken[tag / 8] >> tag % 8 & 1) != 0) {
        return false;
    }
    reading->value = entry + 8;
    if (bytes > INLINE_BYTES) {
        reading->elsewhere += bytes;
        if (reading->elsewhere > tiff->size) {
            return false;
        }
        reading->value = (size_t) tiff_number(tiff, entry + 8, 4);
        reading->ended = !tiff_holds(tiff, reading->value, bytes);
    }
    reading->taken[tag / 8] = (uint8_t) (reading->taken[tag / 8] | 1u << tag % 8);
    return !reading->ended;
}

static int32_t directory_orientation(const struct tiff *tiff, size_t directory) {
    struct reading reading = {.ended = !tiff_holds(tiff, directory, 2)};
    size_t entries = reading.ended ? 0 : (size_t) tiff_number(tiff, directory, 2);
    size_t entry = directory + 2;
    for (size_t i = 0; i < entries && !reading.ended; i++, entry += ENTRY_BYTES) {
        if (!tiff_holds(tiff, entry, ENTRY_BYTES)) {
            break;
        }
        if (entry_read(tiff, entry, &reading) && tiff_number(tiff, entry, 2) == TAG_ORIENTATION) {
            size_t type = (size_t) tiff_number(tiff, entry + 2, 2);
            return orientation_of(tiff_value(tiff, type, reading.value));
        }
    }
    return 0;
}

int32_t exif_orientation(const uint8_t *data, size_t size) {
    /* The two in the middle are wrong, and are met; the last is BigTIFF's, read as the others. */
    static const char *const headers[] = {"II*\0", "MM\0*", "II\0*", "MM*\0", "MM\0+"};
    size_t prefix =
        size >= PREFIX_BYTES && memcmp(data, PREFIX, PREFIX_BYTES) == 0 ? PREFIX_BYTES : 0;
    struct tiff tiff = {.data = data + prefix, .size = size - prefix};
    if (tiff.size < 8) {
        return tiff.size == 0 ? 0 : 1;
    }
    tiff.big_endian = tiff.data[0] == 'M';
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        if (memcmp(tiff.data, headers[i], 4) == 0) {
            return directory_orientation(&tiff, (size_t) tiff_number(&tiff, 4, 4));
        }
    }
    return 1;
}

/* The digit behind =" or >, or -1. */
static int digit_behind(const uint8_t *at, size_t size) {
    size_t skip = size > 0 && at[0] == '>' ? 1 : size > 1 && at[0] == '=' && at[1] == '"' ? 2 : 0;
    bool digit = skip > 0 && size > skip && at[skip] >= '0' && at[skip] <= '9';
    return digit ? at[skip] - '0' : -1;
}

int32_t xmp_orientation(const uint8_t *data, size_t size) {
    static const char name[] = "tiff:Orientation";
    size_t length = sizeof name - 1;
    const uint8_t *end = data + size;
    while (size > 0) {
        const uint8_t *found = memchr(end - size, name[0], size);
        size = found != NULL ? (size_t) (end - found) : 0;
        if (size >= length && memcmp(found, name, length) == 0) {
            int digit = digit_behind(found + length, size - length);
            if (digit >= 0) {
                return orientation_of(digit);
            }
        }
        size -= size > 0 ? 1 : 0;
    }
    return 0;
}

size_t exif_prefix(const uint8_t *segment, size_t size) {
    bool found = size >= PREFIX_BYTES && memcmp(segment, PREFIX, PREFIX_BYTES) == 0;
    return found ? PREFIX_BYTES : 0;
}

size_t xmp_prefix(const uint8_t *segment, size_t size) {
    size_t length = sizeof XMP_NAMESPACE; /* with its zero */
    return size >= length && memcmp(segment, XMP_NAMESPACE, length) == 0 ? length : 0;
}

/* How a pixel of the upright picture is found in the stored one: at origin + x * step_x + y *
 * step_y, in bytes. */
struct walk {
    ptrdiff_t origin, step_x, step_y;
};

static struct walk walk_of(const struct image *stored, int32_t orientation) {
    ptrdiff_t column = 3;
    ptrdiff_t row = (ptrdiff_t) stored->width * 3;
    struct walk walk = {0};
    if (orientation_mirrors_columns(orientation)) {
        walk.origin += column * (stored->width - 1);
        column = -column;
    }
    if (orientation_mirrors_rows(orientation)) {
        walk.origin += row * (stored->height - 1);
        row = -row;
    }
    bool sideways = orientation_is_turned(orientation);
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
    bool sideways = orientation_is_turned(orientation);
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
