#include "text/protobuf.h"

#include <string.h>

#define VARINT_BYTES 10
#define MAX_FIELD ((uint64_t) 0x1FFFFFFF)

struct protobuf protobuf_over(const void *data, size_t size) {
    const unsigned char *bytes = data;
    return (struct protobuf){bytes, size == 0 ? bytes : bytes + size};
}

static bool read_varint(struct protobuf *message, uint64_t *out) {
    *out = 0;
    for (unsigned i = 0; i < VARINT_BYTES && message->next < message->end; i++) {
        unsigned char byte = *message->next++;
        *out |= (uint64_t) (byte & 0x7F) << (7 * i);
        if (byte < 0x80) {
            return true;
        }
    }
    return false;
}

static bool read_fixed(struct protobuf *message, unsigned bytes, uint64_t *out) {
    if ((size_t) (message->end - message->next) < bytes) {
        return false;
    }
    *out = 0;
    for (unsigned i = 0; i < bytes; i++) {
        *out |= (uint64_t) *message->next++ << (8 * i);
    }
    return true;
}

static bool read_bytes(struct protobuf *message, struct protobuf_field *out) {
    uint64_t size;
    if (!read_varint(message, &size) || size > (uint64_t) (message->end - message->next)) {
        return false;
    }
    out->bytes = (const char *) message->next;
    out->size = (size_t) size;
    message->next += size;
    return true;
}

enum vitlrp_status protobuf_next(struct protobuf *message, struct protobuf_field *out, bool *found,
                                 struct vitlrp_error *err) {
    uint64_t key;
    *out = (struct protobuf_field){0};
    *found = message->next < message->end;
    if (!*found) {
        return VITLRP_OK;
    }
    if (!read_varint(message, &key) || key >> 3 == 0 || key >> 3 > MAX_FIELD) {
        return fail(err, VITLRP_FORMAT, "not a protocol buffer: a field has no number");
    }
    out->number = (uint32_t) (key >> 3);
    bool is_sound = false;
    switch (key & 7) {
    case PROTOBUF_VARINT:
        is_sound = read_varint(message, &out->value);
        break;
    case PROTOBUF_FIXED64:
        is_sound = read_fixed(message, 8, &out->value);
        break;
    case PROTOBUF_BYTES:
        is_sound = read_bytes(message, out);
        break;
    case PROTOBUF_FIXED32:
        is_sound = read_fixed(message, 4, &out->value);
        break;
    default:
        return fail(err, VITLRP_FORMAT, "field %u of a protocol buffer is a group, or damaged",
                    out->number);
    }
    out->wire = (enum protobuf_wire)(key & 7);
    return is_sound ? VITLRP_OK
                    : fail(err, VITLRP_FORMAT,
                           "field %u of a protocol buffer reaches beyond the end: cut off?",
                           out->number);
}

float protobuf_float(const struct protobuf_field *field) {
    uint32_t bits = (uint32_t) field->value;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}
