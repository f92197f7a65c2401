/* BMP through stb_image, of which only the BMP reader is compiled in. It trusts its input in places
 * (a palette shorter than its indices, a file that ends early, a height of -2^31), so every field
 * that it computes with is checked here first. Refuses compressed BMPs. */
#include <limits.h>
#include <stdbool.h>
#include <string.h>

#include "base/mem.h"
#include "imgio/decode.h"

#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ONLY_BMP
#define STBI_NO_STDIO
#define STBI_NO_LINEAR
#define STBI_NO_HDR
#define STBI_NO_SIMD
#define STBI_MAX_DIMENSIONS (1 << 24)
#define STBI_MALLOC(size) mem_calloc(1, size)
#define STBI_REALLOC(pointer, size) mem_resize(pointer, 1, size)
#define STBI_FREE(pointer) mem_free(pointer)
#define STBI_ASSERT(condition) ((void) 0) /* never an end of the process for what a file says */
#if defined(__GNUC__)
/* Declarations of what is compiled out; GCC reports them at the end of the file only. */
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-variable"
#pragma GCC diagnostic ignored "-Wunused-but-set-variable"
#endif
#include <stb_image.h>
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

#define FILE_HEADER 14
#define CORE_HEADER 12 /* OS/2's, the only one with 16-bit sizes and 3-byte colours */
#define INFO_HEADER 40
#define COMPRESSION_NONE 0
#define COMPRESSION_BITFIELDS 3

struct bmp {
    const uint8_t *data;
    size_t size;
    uint32_t offset; /* of the pixels */
    uint32_t header; /* bytes of the second header */
    uint32_t width, height;
    uint32_t depth; /* bits a pixel */
    uint32_t compression;
    uint32_t colours; /* of the palette; 0: not told */
};

static uint32_t u16_at(const uint8_t *at) {
    return (uint32_t) at[1] << 8 | at[0];
}

static uint32_t u32_at(const uint8_t *at) {
    return u16_at(at + 2) << 16 | u16_at(at);
}

/* A height below zero means that the rows are stored from the top. */
static enum vitlrp_status read_fields(struct bmp *bmp, struct vitlrp_error *err) {
    bmp->offset = u32_at(bmp->data + 10);
    bmp->header = u32_at(bmp->data + 14);
    if (bmp->size < FILE_HEADER || bmp->header > bmp->size - FILE_HEADER) {
        return fail(err, VITLRP_FORMAT, "truncated BMP");
    }
    const uint8_t *fields = bmp->data + FILE_HEADER;
    if (bmp->header == CORE_HEADER) {
        bmp->width = u16_at(fields + 4);
        bmp->height = u16_at(fields + 6);
        bmp->depth = u16_at(fields + 10);
        return VITLRP_OK;
    }
    if (bmp->header < INFO_HEADER) {
        return fail(err, VITLRP_UNSUPPORTED, "BMP with a header of %u bytes", bmp->header);
    }
    bmp->width = u32_at(fields + 4);
    bmp->height = u32_at(fields + 8);
    bmp->depth = u16_at(fields + 14);
    bmp->compression = u32_at(fields + 16);
    bmp->colours = u32_at(fields + 32);
    if (bmp->height > INT32_MAX) {
        bmp->height = 0 - bmp->height;
    }
    return VITLRP_OK;
}

static enum vitlrp_status check_kind(const struct bmp *bmp, struct vitlrp_error *err) {
    uint32_t depth = bmp->depth;
    if (depth != 1 && depth != 4 && depth != 8 && depth != 16 && depth != 24 && depth != 32) {
        return fail(err, VITLRP_UNSUPPORTED, "BMP of %u bits a pixel", depth);
    }
    if (bmp->compression != COMPRESSION_NONE && bmp->compression != COMPRESSION_BITFIELDS) {
        return fail(err, VITLRP_UNSUPPORTED, "compressed BMP (kind %u)", bmp->compression);
    }
    return VITLRP_OK;
}

static size_t row_bytes(const struct bmp *bmp) {
    return ((size_t) bmp->width * bmp->depth + 31) / 32 * 4;
}

/* The padding behind the last row may be missing, as it is in files of some old programs. */
static enum vitlrp_status check_extent(const struct bmp *bmp, struct vitlrp_error *err) {
    size_t needed = row_bytes(bmp) * (bmp->height - 1) + ((size_t) bmp->width * bmp->depth + 7) / 8;
    if (bmp->offset < FILE_HEADER + bmp->header) {
        return fail(err, VITLRP_FORMAT, "bad BMP: its pixels begin inside its header");
    }
    if (bmp->offset > bmp->size || needed > bmp->size - bmp->offset) {
        return fail(err, VITLRP_FORMAT, "truncated BMP");
    }
    return VITLRP_OK;
}

static uint32_t pixel_index(const uint8_t *row, size_t x, uint32_t depth) {
    size_t bit = x * depth;
    uint32_t shift = 8 - depth - (uint32_t) (bit % 8);
    return (uint32_t) row[bit / 8] >> shift & ((1u << depth) - 1);
}

/* stb_image takes what lies between header and pixels for the palette, whatever the header says of
 * its length. */
static enum vitlrp_status check_palette(const struct bmp *bmp, struct vitlrp_error *err) {
    uint32_t entry = bmp->header == CORE_HEADER ? 3 : 4;
    uint32_t colours = (bmp->offset - FILE_HEADER - bmp->header) / entry;
    if (colours == 0 || colours > 256) {
        return fail(err, VITLRP_FORMAT, "bad BMP: a palette of %u colours", colours);
    }
    if (bmp->colours > 0 && bmp->colours < colours) {
        colours = bmp->colours;
    }
    for (size_t y = 0; y < bmp->height && colours < 1u << bmp->depth; y++) {
        const uint8_t *row = bmp->data + bmp->offset + y * row_bytes(bmp);
        for (size_t x = 0; x < bmp->width; x++) {
            if (pixel_index(row, x, bmp->depth) >= colours) {
                return fail(err, VITLRP_FORMAT, "bad BMP: a palette index beyond the palette");
            }
        }
    }
    return VITLRP_OK;
}

enum vitlrp_status decode_bmp(const struct decode_input *input, struct decoded *out,
                              struct vitlrp_error *err) {
    struct bmp bmp = {.data = input->data, .size = input->size};
    TRY(read_fields(&bmp, err));
    TRY(image_check_size(input->limits, bmp.width, bmp.height, err));
    TRY(check_kind(&bmp, err));
    TRY(check_extent(&bmp, err));
    if (bmp.depth <= 8) {
        TRY(check_palette(&bmp, err));
    }
    if (input->size > INT_MAX || (uint64_t) bmp.width * bmp.height > INT_MAX / 4) {
        return fail(err, VITLRP_LIMIT, "BMP of more than 2 GiB");
    }
    int width = 0;
    int height = 0;
    int channels = 0;
    uint8_t *rgb =
        stbi_load_from_memory(input->data, (int) input->size, &width, &height, &channels, 3);
    if (rgb == NULL) {
        const char *reason = stbi_failure_reason(); /* of this thread */
        return strcmp(reason, "outofmem") == 0
                   ? fail(err, VITLRP_NOMEM, "out of memory for a BMP")
                   : fail(err, VITLRP_UNSUPPORTED, "BMP of a kind that is not read (%s)", reason);
    }
    out->image = (struct image){.rgb = rgb, .width = width, .height = height};
    return VITLRP_OK;
}
