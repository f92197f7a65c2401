/* A run of bytes inside a checkpoint, stored as it is or deflated, read from its beginning to its
 * end without ever being held whole. */
#ifndef VIT_PAYLOAD_H
#define VIT_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zlib.h>

#include "base/file.h"
#include "base/status.h"

struct extent {
    uint64_t offset; /* in the source */
    uint64_t stored; /* bytes it takes there */
    uint64_t size;   /* bytes it stands for; equal to stored unless deflated */
    bool deflated;
    bool has_crc; /* crc is the CRC-32 of the whole run */
    uint32_t crc;
};

struct payload {
    const struct source *source;
    struct extent extent;
    uint64_t taken; /* of extent.stored */
    uint64_t given; /* of extent.size */
    uint32_t crc;
    z_stream *inflater;   /* owned; NULL unless deflated */
    unsigned char *input; /* owned; deflated bytes on their way to the inflater */
};

/* Starts reading. payload_close releases it, after a failure too. */
enum vitlrp_status payload_open(const struct source *source, const struct extent *extent,
                                struct payload *out, struct vitlrp_error *err);

/* The next `size` bytes. FORMAT if the run ends before them, or if its last byte was read and the
 * checksum does not match. */
enum vitlrp_status payload_read(struct payload *payload, void *out, size_t size,
                                struct vitlrp_error *err);

/* Passes over the next `size` bytes, as payload_read does. */
enum vitlrp_status payload_skip(struct payload *payload, uint64_t size, struct vitlrp_error *err);

void payload_close(struct payload *payload);

/* The whole run as one block, for the small ones: LIMIT beyond `limit` bytes. *out is owned:
 * bytes_free. */
enum vitlrp_status payload_read_all(const struct source *source, const struct extent *extent,
                                    size_t limit, struct bytes *out, struct vitlrp_error *err);

#endif
