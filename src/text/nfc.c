/* NFC by utf8proc's tables, but in time proportional to the text: its own way puts a run of
 * combining marks in order by exchanging neighbours. */
#include <string.h>
#include <utf8proc.h>

#include "base/checked.h"
#include "base/mem.h"
#include "text/unicode.h"

enum { DECOMPOSED = 18, CLASSES = 256 }; /* of one character at most; combining classes */

struct codes {
    int32_t *items;
    int32_t *sorted; /* scratch */
    size_t count, capacity;
};

static enum vitlrp_status codes_append(struct codes *codes, const int32_t *more, size_t count,
                                       struct vitlrp_error *err) {
    if (codes->capacity - codes->count < count) {
        size_t capacity = size_max(codes->capacity * 2, 256); /* of a text: far below SIZE_MAX */
        int32_t *items = mem_resize(codes->items, capacity, sizeof *items);
        if (items == NULL) {
            return fail(err, VITLRP_NOMEM, "out of memory for a text of %zu characters", capacity);
        }
        codes->items = items;
        codes->capacity = capacity;
    }
    memcpy(codes->items + codes->count, more, count * sizeof *more);
    codes->count += count;
    return VITLRP_OK;
}

static enum vitlrp_status decompose(const char *bytes, size_t length, struct codes *codes,
                                    struct vitlrp_error *err) {
    for (size_t i = 0; i < length;) {
        int32_t code;
        int32_t parts[DECOMPOSED];
        i += character_next(bytes + i, length - i, &code);
        utf8proc_ssize_t count = utf8proc_decompose_char(
            code, parts, DECOMPOSED, UTF8PROC_STABLE | UTF8PROC_DECOMPOSE, NULL);
        if (count < 1 || count > DECOMPOSED) {
            return fail(err, VITLRP_INTERNAL, "utf8proc cannot decompose U+%04X", (unsigned) code);
        }
        TRY(codes_append(codes, parts, (size_t) count, err));
    }
    return VITLRP_OK;
}

static size_t combining_class(int32_t code) {
    return (size_t) utf8proc_get_property(code)->combining_class % CLASSES;
}

/* Marks in the order of their classes; those of one class stay as they are. */
static void sort_run(int32_t *items, size_t count, int32_t *sorted) {
    size_t begin[CLASSES + 1] = {0};
    for (size_t i = 0; i < count; i++) {
        begin[combining_class(items[i]) + 1]++;
    }
    for (size_t i = 0; i < CLASSES; i++) {
        begin[i + 1] += begin[i];
    }
    for (size_t i = 0; i < count; i++) {
        sorted[begin[combining_class(items[i])]++] = items[i];
    }
    memcpy(items, sorted, count * sizeof *items);
}

static enum vitlrp_status sort_marks(struct codes *codes, struct vitlrp_error *err) {
    for (size_t i = 0; i < codes->count;) {
        size_t end = i;
        bool is_sorted = true;
        size_t last = 0;
        while (end < codes->count && combining_class(codes->items[end]) > 0) {
            size_t class = combining_class(codes->items[end++]);
            is_sorted = is_sorted && class >= last;
            last = class;
        }
        if (!is_sorted) {
            if (codes->sorted == NULL) {
                codes->sorted = mem_calloc(codes->count, sizeof *codes->sorted);
            }
            if (codes->sorted == NULL) {
                return fail(err, VITLRP_NOMEM, "out of memory for a text of %zu characters",
                            codes->count);
            }
            sort_run(codes->items + i, end - i, codes->sorted);
        }
        i = end + 1;
    }
    return VITLRP_OK;
}

static enum vitlrp_status compose(struct codes *codes, struct text *out, struct vitlrp_error *err) {
    utf8proc_ssize_t count = utf8proc_normalize_utf32(codes->items, (utf8proc_ssize_t) codes->count,
                                                      UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    if (count < 0) {
        return fail(err, VITLRP_INTERNAL, "utf8proc cannot compose a text");
    }
    for (utf8proc_ssize_t i = 0; i < count; i++) {
        character_append(out, codes->items[i]);
    }
    return VITLRP_OK;
}

enum vitlrp_status nfc_append(const char *bytes, size_t length, struct text *out,
                              struct vitlrp_error *err) {
    if (text_is_ascii(bytes, length)) {
        text_append(out, bytes, length);
        return VITLRP_OK;
    }
    struct codes codes = {0};
    enum vitlrp_status status = decompose(bytes, length, &codes, err);
    if (status == VITLRP_OK) {
        status = sort_marks(&codes, err);
    }
    if (status == VITLRP_OK) {
        status = compose(&codes, out, err);
    }
    mem_free(codes.items);
    mem_free(codes.sorted);
    return status;
}

size_t character_compatible(int32_t code, int32_t codes[static DECOMPOSED]) {
    utf8proc_ssize_t count = utf8proc_decompose_char(
        code, codes, DECOMPOSED, UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT, NULL);
    if (count < 1 || count > DECOMPOSED) {
        codes[0] = code;
        return 1;
    }
    count = utf8proc_normalize_utf32(codes, count, UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    return count < 1 ? 1 : (size_t) count;
}
