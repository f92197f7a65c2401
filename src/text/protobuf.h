/* The fields of a protocol buffer message, one after the other, in place. What is nested is a run
 * of bytes that the caller walks or leaves: nothing here recurses. Groups, which nobody writes any
 * more, are refused. */
#ifndef TEXT_PROTOBUF_H
#define TEXT_PROTOBUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct protobuf {
    const unsigned char *next, *end;
};

enum protobuf_wire {
    PROTOBUF_VARINT = 0,
    PROTOBUF_FIXED64 = 1,
    PROTOBUF_BYTES = 2,
    PROTOBUF_FIXED32 = 5
};

struct protobuf_field {
    uint32_t number;
    enum protobuf_wire wire;
    uint64_t value;    /* of the three that are numbers */
    const char *bytes; /* of PROTOBUF_BYTES: within the message */
    size_t size;
};

struct protobuf protobuf_over(const void *data, size_t size);

/* The next field; *found is false at the end. FORMAT for what is damaged, a length beyond the end
 * among it. */
enum vitlrp_status protobuf_next(struct protobuf *message, struct protobuf_field *out, bool *found,
                                 struct vitlrp_error *err);

/* The float32 of a PROTOBUF_FIXED32. */
float protobuf_float(const struct protobuf_field *field);

#endif
