#include "base/json_split.h"

#include <stdbool.h>
#include <string.h>

#include "base/checked.h"
#include "base/json_scan.h"
#include "base/mem.h"

#define STEP ((size_t) 1 << 20)
#define FIRST_CAPACITY ((size_t) 64)

struct splitting {
    const char *key;
    size_t most;
    struct json_split *split;
    size_t depth;
    bool in_string, escaped; /* the next byte stands behind a backslash */
    bool in_list;            /* in the list that is looked for, or in an item of it */
    bool has_item;           /* an item has begun */
    uint64_t begin, end;     /* of the item */
};

/* True if the text ends with "KEY" and a colon: what follows is its value. */
static bool ends_with_key(const struct text *text, const char *key) {
    size_t end = text->length;
    size_t length = strlen(key);
    while (end > 0 && json_is_blank(text->data[end - 1])) {
        end--;
    }
    if (end == 0 || text->data[--end] != ':') {
        return false;
    }
    while (end > 0 && json_is_blank(text->data[end - 1])) {
        end--;
    }
    if (end < length + 2 || text->data[end - 1] != '"' ||
        memcmp(text->data + end - 1 - length, key, length) != 0) {
        return false;
    }
    size_t quote = end - 2 - length;
    return text->data[quote] == '"' && (quote == 0 || text->data[quote - 1] != '\\');
}

static enum vitlrp_status add_piece(struct splitting *splitting, struct vitlrp_error *err) {
    struct json_split *split = splitting->split;
    if (!splitting->has_item) {
        return fail(err, VITLRP_FORMAT, "item %zu of \"%s\" is missing", split->count,
                    splitting->key);
    }
    if (split->count == splitting->most) {
        return fail(err, VITLRP_LIMIT, "\"%s\" has more than %zu items", splitting->key,
                    splitting->most);
    }
    if (split->count == split->capacity) {
        size_t capacity = size_max(FIRST_CAPACITY, 2 * split->capacity);
        struct json_piece *grown = mem_resize(split->pieces, capacity, sizeof *grown);
        if (grown == NULL) {
            return fail(err, VITLRP_NOMEM, "out of memory for %zu items", capacity);
        }
        split->pieces = grown;
        split->capacity = capacity;
    }
    split->pieces[split->count++] =
        (struct json_piece){splitting->begin, splitting->end - splitting->begin};
    splitting->has_item = false;
    return VITLRP_OK;
}

static void note_string(struct splitting *splitting, char byte) {
    if (splitting->escaped) {
        splitting->escaped = false;
    } else if (byte == '\\') {
        splitting->escaped = true;
    } else if (byte == '"') {
        splitting->in_string = false;
    }
}

/* A byte of the list's own level ends an item, or the list; true if it belongs to an item. */
static bool is_of_item(const struct splitting *splitting, char byte) {
    return splitting->in_string || splitting->depth > 2 || (byte != ',' && byte != ']');
}

static void note_structure(struct splitting *splitting, char byte) {
    if (splitting->in_string) {
        note_string(splitting, byte);
        return;
    }
    if (byte == '"') {
        splitting->in_string = true;
    } else if (byte == '{' || byte == '[') {
        splitting->depth++;
    } else if ((byte == '}' || byte == ']') && splitting->depth > 0) {
        splitting->depth--;
    }
}

static enum vitlrp_status take_in_list(struct splitting *splitting, char byte, uint64_t at,
                                       struct vitlrp_error *err) {
    if (is_of_item(splitting, byte)) {
        if (splitting->in_string || !json_is_blank(byte)) {
            splitting->begin = splitting->has_item ? splitting->begin : at;
            splitting->end = at + 1;
            splitting->has_item = true;
        }
        note_structure(splitting, byte);
        return VITLRP_OK;
    }
    bool ends = byte == ']';
    if (!ends || splitting->has_item || splitting->split->count > 0) {
        TRY(add_piece(splitting, err));
    }
    if (ends) {
        splitting->in_list = false;
        splitting->depth--;
        text_append(&splitting->split->rest, "]", 1);
    }
    return VITLRP_OK;
}

/* Takes a step of the text, whose first byte is the one at `offset`. */
static enum vitlrp_status take_step(struct splitting *splitting, const char *bytes, size_t size,
                                    uint64_t offset, struct vitlrp_error *err) {
    struct text *rest = &splitting->split->rest;
    size_t copied = 0; /* bytes of the rest that are copied */
    for (size_t i = 0; i < size; i++) {
        if (splitting->in_list) {
            TRY(take_in_list(splitting, bytes[i], offset + i, err));
            copied = i + 1;
            continue;
        }
        bool may_begin = !splitting->in_string && bytes[i] == '[' && splitting->depth == 1;
        note_structure(splitting, bytes[i]);
        if (may_begin) {
            text_append(rest, bytes + copied, i - copied);
            copied = i;
            splitting->in_list = !rest->failed && ends_with_key(rest, splitting->key);
        }
        if (splitting->in_list) {
            text_append(rest, "[", 1);
        }
    }
    text_append(rest, bytes + copied, size - copied);
    return text_check(rest, "what is beside its list", err);
}

static enum vitlrp_status split_source(struct splitting *splitting, const struct source *source,
                                       char *step, struct vitlrp_error *err) {
    for (uint64_t at = 0; at < source->size;) {
        size_t size = source->size - at < STEP ? (size_t) (source->size - at) : STEP;
        TRY(source_read(source, at, step, size, err));
        TRY(take_step(splitting, step, size, at, err));
        at += size;
    }
    return VITLRP_OK;
}

enum vitlrp_status json_split(const struct source *source, const char *key, size_t rest_limit,
                              size_t most, struct json_split *out, struct vitlrp_error *err) {
    struct json_split split = {.rest = {.limit = rest_limit}};
    struct splitting splitting = {.key = key, .most = most, .split = &split};
    char *step = mem_calloc(STEP, 1);
    enum vitlrp_status status = step == NULL ? fail(err, VITLRP_NOMEM, "out of memory for a text")
                                             : split_source(&splitting, source, step, err);
    mem_free(step);
    if (status != VITLRP_OK) {
        json_split_free(&split);
        return status;
    }
    *out = split;
    return VITLRP_OK;
}

void json_split_free(struct json_split *split) {
    text_free(&split->rest);
    mem_free(split->pieces);
    *split = (struct json_split){0};
}
