#include "text/aligned.h"

#include <string.h>

#include "base/checked.h"
#include "base/mem.h"
#include "base/text.h"

#define FIRST_CAPACITY ((size_t) 256)

struct aligned aligned_for(size_t length) {
    return (struct aligned){.limit = ALIGNED_FACTOR * length + ALIGNED_ROOM};
}

void aligned_free(struct aligned *text) {
    mem_free(text->data);
    mem_free(text->origins);
    *text = (struct aligned){.limit = text->limit};
}

static enum vitlrp_status make_room(struct aligned *text, size_t more, struct vitlrp_error *err) {
    if (more > text->limit - text->length) {
        return fail(err, VITLRP_LIMIT,
                    "the tokenizer makes more than %zu bytes of a text, %zu for each of its own",
                    text->limit, ALIGNED_FACTOR);
    }
    size_t needed = text->length + more;
    if (needed <= text->capacity) {
        return VITLRP_OK;
    }
    size_t capacity = size_max(size_max(2 * text->capacity, needed), FIRST_CAPACITY);
    char *data = mem_resize(text->data, capacity, sizeof *data);
    text->data = data != NULL ? data : text->data;
    struct origin *origins =
        data == NULL ? NULL : mem_resize(text->origins, capacity, sizeof *origins);
    if (origins == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a text of %zu bytes", needed);
    }
    text->origins = origins;
    text->capacity = capacity;
    return VITLRP_OK;
}

enum vitlrp_status aligned_append(struct aligned *text, const char *bytes, size_t length,
                                  struct origin origin, struct vitlrp_error *err) {
    TRY(make_room(text, length, err));
    for (size_t i = 0; i < length; i++) {
        text->data[text->length] = bytes[i];
        text->origins[text->length++] = origin;
    }
    return VITLRP_OK;
}

enum vitlrp_status aligned_copy(struct aligned *text, const struct aligned *from, size_t offset,
                                size_t length, struct vitlrp_error *err) {
    TRY(make_room(text, length, err));
    if (length > 0) {
        memcpy(text->data + text->length, from->data + offset, length);
        memcpy(text->origins + text->length, from->origins + offset,
               length * sizeof *text->origins);
    }
    text->length += length;
    return VITLRP_OK;
}

enum vitlrp_status aligned_original(struct aligned *text, const char *bytes, size_t begin,
                                    size_t end, struct vitlrp_error *err) {
    while (begin < end) {
        size_t length = size_max(text_utf8_length(bytes + begin, end - begin), 1);
        struct origin origin = {(uint32_t) begin, (uint32_t) (begin + length)};
        TRY(aligned_append(text, bytes + begin, length, origin, err));
        begin += length;
    }
    return VITLRP_OK;
}

struct origin aligned_origin(const struct aligned *text, size_t offset, size_t length) {
    return (struct origin){text->origins[offset].begin, text->origins[offset + length - 1].end};
}
