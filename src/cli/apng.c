#include "apng.h"

#include <stdbool.h>
#include <string.h>

#include "base/text.h"

#define FILE_LIMIT ((size_t) 1 << 30)
#define SIGNATURE_BYTES 8
#define FRAME_BYTES 12 /* of a chunk, beside its data: length, type and sum */
#define HEADER_BYTES 13

static const unsigned char SIGNATURE[SIGNATURE_BYTES] = {137, 'P', 'N', 'G', 13, 10, 26, 10};

static void put_u32(unsigned char *out, uint32_t value) {
    for (int i = 0; i < 4; i++) {
        out[i] = (unsigned char) (value >> (24 - 8 * i));
    }
}

static uint32_t get_u32(const unsigned char *bytes) {
    return (uint32_t) bytes[0] << 24 | (uint32_t) bytes[1] << 16 | (uint32_t) bytes[2] << 8 |
           bytes[3];
}

/* The sum of PNG's chunks (CRC-32 of ISO 3309), continued. */
static uint32_t crc_add(uint32_t crc, const void *data, size_t size) {
    const unsigned char *bytes = data;
    for (size_t i = 0; i < size; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (0xEDB88320U & (0U - (crc & 1U)));
        }
    }
    return crc;
}

/* A chunk of two parts of data, of which the first may be empty. */
static void append_chunk(struct text *out, const char *type, const struct bytes *first,
                         const struct bytes *second) {
    unsigned char number[4];
    uint32_t crc = crc_add(0xFFFFFFFFU, type, 4);
    put_u32(number, (uint32_t) (first->size + second->size));
    text_append(out, (const char *) number, sizeof number);
    text_append(out, type, 4);
    text_append(out, (const char *) first->data, first->size);
    text_append(out, (const char *) second->data, second->size);
    crc = crc_add(crc_add(crc, first->data, first->size), second->data, second->size);
    put_u32(number, ~crc);
    text_append(out, (const char *) number, sizeof number);
}

static void append_plain(struct text *out, const char *type, unsigned char *data, size_t size) {
    append_chunk(out, type, &(struct bytes){NULL, 0}, &(struct bytes){data, size});
}

/* The chunk at *place of a file, which then stands behind it. */
static bool next_chunk(const struct bytes *png, size_t *place, const char **type,
                       struct bytes *data) {
    if (png->size - *place < FRAME_BYTES) {
        return false;
    }
    data->size = get_u32(png->data + *place);
    data->data = png->data + *place + 8;
    *type = (const char *) png->data + *place + 4;
    if (data->size > png->size - *place - FRAME_BYTES) {
        return false;
    }
    *place += FRAME_BYTES + data->size;
    return true;
}

static bool has_type(const char *type, const char *wanted) {
    return memcmp(type, wanted, 4) == 0;
}

/* What is written so far. */
struct writer {
    struct text out;
    uint32_t sequence; /* of the chunks of animation */
    size_t count;      /* frames of the file */
};

static void append_control(struct writer *writer, const unsigned char *header, uint16_t delay_ms) {
    unsigned char data[26] = {0}; /* offsets, disposal and blending stay 0: frames are whole */
    put_u32(data, writer->sequence++);
    memcpy(data + 4, header, 8);
    data[20] = (unsigned char) (delay_ms >> 8);
    data[21] = (unsigned char) delay_ms;
    data[22] = 1000 >> 8;
    data[23] = 1000 & 255;
    append_plain(&writer->out, "fcTL", data, sizeof data);
}

static void append_pixels(struct writer *writer, bool is_first, const struct bytes *data) {
    unsigned char number[4];
    if (is_first) {
        append_chunk(&writer->out, "IDAT", &(struct bytes){NULL, 0}, data);
        return;
    }
    put_u32(number, writer->sequence++);
    append_chunk(&writer->out, "fdAT", &(struct bytes){number, sizeof number}, data);
}

static void append_start(struct writer *writer, const struct bytes *header) {
    unsigned char data[8] = {0}; /* plays: for ever */
    put_u32(data, (uint32_t) writer->count);
    text_append(&writer->out, (const char *) SIGNATURE, SIGNATURE_BYTES);
    append_chunk(&writer->out, "IHDR", &(struct bytes){NULL, 0}, header);
    append_plain(&writer->out, "acTL", data, sizeof data);
}

/* False unless the frame is a PNG file with the header of the first. */
static bool append_frame(struct writer *writer, const struct apng_frame *frame,
                         unsigned char header[HEADER_BYTES], bool is_first) {
    size_t place = SIGNATURE_BYTES;
    const char *type;
    struct bytes data;
    if (frame->png.size < SIGNATURE_BYTES ||
        memcmp(frame->png.data, SIGNATURE, SIGNATURE_BYTES) != 0 ||
        !next_chunk(&frame->png, &place, &type, &data) || !has_type(type, "IHDR") ||
        data.size != HEADER_BYTES) {
        return false;
    }
    if (is_first) {
        memcpy(header, data.data, HEADER_BYTES);
        append_start(writer, &data);
    } else if (memcmp(header, data.data, HEADER_BYTES) != 0) {
        return false;
    }
    append_control(writer, header, frame->delay_ms);
    while (next_chunk(&frame->png, &place, &type, &data)) {
        if (has_type(type, "IDAT")) {
            append_pixels(writer, is_first, &data);
        }
    }
    return true;
}

enum vitlrp_status apng_join(const struct apng_frame *frames, size_t count, struct bytes *out,
                             struct vitlrp_error *err) {
    struct writer writer = {.out = {.limit = FILE_LIMIT}, .count = count};
    unsigned char header[HEADER_BYTES];
    enum vitlrp_status status = VITLRP_OK;
    for (size_t i = 0; i < count && status == VITLRP_OK; i++) {
        if (!append_frame(&writer, &frames[i], header, i == 0)) {
            status =
                fail(err, VITLRP_INTERNAL, "frame %zu of an animation is not like the first", i);
        }
    }
    append_plain(&writer.out, "IEND", NULL, 0);
    if (status == VITLRP_OK) {
        status = text_check(&writer.out, "an animation", err);
    }
    if (status != VITLRP_OK) {
        text_free(&writer.out);
        return status;
    }
    *out = (struct bytes){.data = (unsigned char *) writer.out.data, .size = writer.out.length};
    return VITLRP_OK;
}
