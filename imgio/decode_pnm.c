/* The six PNM formats (PBM, PGM and PPM, plain and raw), after the netpbm specifications. Refuses
 * files that end early; what follows the first picture is ignored. */
#include <math.h>
#include <stdbool.h>

#include "base/ascii.h"
#include "base/mem.h"
#include "imgio/decode.h"

#define LARGEST_MAXIMUM 65535

struct pnm {
    const uint8_t *data;
    size_t size;
    size_t used;
    bool plain;       /* numbers as text */
    bool bitmap;      /* one bit a pixel, 1 is black */
    uint32_t samples; /* a pixel */
    uint32_t width, height;
    uint32_t maximum; /* the sample of full brightness */
    uint8_t *scale;   /* [maximum + 1]: sample to byte; owned */
};

static void skip_space(struct pnm *pnm) {
    bool comment = false;
    for (; pnm->used < pnm->size; pnm->used++) {
        uint8_t byte = pnm->data[pnm->used];
        if (comment) {
            comment = byte != '\n' && byte != '\r';
        } else if (byte == '#') {
            comment = true;
        } else if (!ascii_is_space(byte)) {
            return;
        }
    }
}

/* The next number; `digits` bounds its length, since the bits of a plain PBM need no spaces. */
static enum vitlrp_status next_number(struct pnm *pnm, int digits, uint32_t *out,
                                      struct vitlrp_error *err) {
    skip_space(pnm);
    uint32_t value = 0;
    int used = 0;
    while (used < digits && pnm->used < pnm->size && pnm->data[pnm->used] >= '0' &&
           pnm->data[pnm->used] <= '9') {
        if (value > (UINT32_MAX - 9) / 10) {
            return fail(err, VITLRP_LIMIT, "PNM with a number of more than 9 digits");
        }
        value = value * 10 + (uint32_t) (pnm->data[pnm->used] - '0');
        pnm->used++;
        used++;
    }
    if (used == 0) {
        return pnm->used == pnm->size
                   ? fail(err, VITLRP_FORMAT, "truncated PNM")
                   : fail(err, VITLRP_FORMAT, "bad PNM: no number at byte %zu", pnm->used);
    }
    *out = value;
    return VITLRP_OK;
}

static enum vitlrp_status read_header(struct pnm *pnm, struct vitlrp_error *err) {
    int kind = pnm->data[1] - '0';
    pnm->used = 2;
    pnm->plain = kind <= 3;
    pnm->bitmap = kind == 1 || kind == 4;
    pnm->samples = kind == 3 || kind == 6 ? 3 : 1;
    pnm->maximum = 1;
    TRY(next_number(pnm, 20, &pnm->width, err));
    TRY(next_number(pnm, 20, &pnm->height, err));
    if (!pnm->bitmap) {
        TRY(next_number(pnm, 20, &pnm->maximum, err));
    }
    if (pnm->maximum == 0 || pnm->maximum > LARGEST_MAXIMUM) {
        return fail(err, VITLRP_FORMAT, "bad PNM: largest value %u", pnm->maximum);
    }
    if (!pnm->plain) {
        if (pnm->used == pnm->size || !ascii_is_space(pnm->data[pnm->used])) {
            return fail(err, VITLRP_FORMAT, "bad PNM: no space before the pixels");
        }
        pnm->used++;
    }
    return VITLRP_OK;
}

/* Before the picture is allocated: the pixels, or in plain form the fewest characters that can hold
 * them, must be there. The sizes are within the limits, so nothing wraps in 64 bits. */
static enum vitlrp_status check_length(const struct pnm *pnm, struct vitlrp_error *err) {
    uint64_t row = (uint64_t) pnm->width * pnm->samples;
    if (!pnm->plain) {
        row = pnm->bitmap ? (row + 7) / 8 : row * (pnm->maximum > 255 ? 2 : 1);
    }
    if (row * pnm->height > pnm->size - pnm->used) {
        return fail(err, VITLRP_FORMAT, "truncated PNM");
    }
    return VITLRP_OK;
}

/* Rounded to even at .5, as Pillow's round() is. */
static enum vitlrp_status make_scale(struct pnm *pnm, struct vitlrp_error *err) {
    pnm->scale = mem_calloc((size_t) pnm->maximum + 1, 1);
    if (pnm->scale == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a PNM");
    }
    for (uint32_t i = 0; i <= pnm->maximum; i++) {
        pnm->scale[i] = (uint8_t) lrint((double) i / pnm->maximum * 255.0);
    }
    if (pnm->bitmap) {
        pnm->scale[0] = 255;
        pnm->scale[1] = 0;
    }
    return VITLRP_OK;
}

/* One row of a plain file, as bytes. */
static enum vitlrp_status read_plain_row(struct pnm *pnm, uint8_t *out, struct vitlrp_error *err) {
    for (size_t i = 0; i < (size_t) pnm->width * pnm->samples; i++) {
        uint32_t value = 0;
        TRY(next_number(pnm, pnm->bitmap ? 1 : 20, &value, err));
        if (value > pnm->maximum) {
            return fail(err, VITLRP_FORMAT, "bad PNM: the value %u is above the largest, %u", value,
                        pnm->maximum);
        }
        out[i] = pnm->scale[value];
    }
    return VITLRP_OK;
}

/* One row of a raw file, as bytes; values above the largest count as it. */
static void read_raw_row(struct pnm *pnm, uint8_t *out) {
    const uint8_t *in = pnm->data + pnm->used;
    size_t count = (size_t) pnm->width * pnm->samples;
    if (pnm->bitmap) {
        for (size_t i = 0; i < count; i++) {
            out[i] = pnm->scale[in[i / 8] >> (7 - i % 8) & 1];
        }
        pnm->used += (count + 7) / 8;
        return;
    }
    size_t bytes = pnm->maximum > 255 ? 2 : 1;
    for (size_t i = 0; i < count; i++) {
        uint32_t value = bytes == 1 ? in[i] : (uint32_t) in[2 * i] << 8 | in[2 * i + 1];
        out[i] = pnm->scale[value < pnm->maximum ? value : pnm->maximum];
    }
    pnm->used += count * bytes;
}

/* Grey stands in the first third of the row: spread from its end, so that nothing is overwritten
 * before it was read. */
static void spread_grey(uint8_t *row, size_t width) {
    for (size_t i = width; i-- > 0;) {
        uint8_t grey = row[i];
        row[3 * i] = grey;
        row[3 * i + 1] = grey;
        row[3 * i + 2] = grey;
    }
}

static enum vitlrp_status read_rows(struct pnm *pnm, struct image *image,
                                    struct vitlrp_error *err) {
    for (size_t y = 0; y < pnm->height; y++) {
        uint8_t *row = image->rgb + y * pnm->width * 3;
        if (pnm->plain) {
            TRY(read_plain_row(pnm, row, err));
        } else {
            read_raw_row(pnm, row);
        }
        if (pnm->samples == 1) {
            spread_grey(row, pnm->width);
        }
    }
    return VITLRP_OK;
}

enum vitlrp_status decode_pnm(const struct decode_input *input, struct decoded *out,
                              struct vitlrp_error *err) {
    struct pnm pnm = {.data = input->source.memory, .size = input->source.size};
    enum vitlrp_status status;
    TRY_GOTO(status, read_header(&pnm, err), end);
    TRY_GOTO(status, image_check_whole(input->limits, pnm.width, pnm.height, err), end);
    TRY_GOTO(status, check_length(&pnm, err), end);
    TRY_GOTO(status, make_scale(&pnm, err), end);
    TRY_GOTO(status, image_alloc((int32_t) pnm.width, (int32_t) pnm.height, &out->image, err), end);
    TRY_GOTO(status, read_rows(&pnm, &out->image, err), end);
end:
    if (status != VITLRP_OK) {
        image_free(&out->image);
    }
    mem_free(pnm.scale);
    return status;
}
