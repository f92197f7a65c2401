#include "base/json.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/file.h"
#include "base/json_build.h"
#include "base/json_scan.h"
#include "base/mem.h"

/* Before anything is built. */
static enum vitlrp_status check_text(const char *bytes, size_t size, size_t max_memory,
                                     enum json_verdict *verdict, struct json_cost *cost,
                                     struct vitlrp_error *err) {
    *verdict = json_scan(bytes, size, cost);
    if (*verdict == JSON_TOO_DEEP) {
        return fail(err, VITLRP_LIMIT, "its JSON nests deeper than %d", JSON_MAX_DEPTH);
    }
    if (size > 0 && memchr(bytes, 0, size) != NULL) {
        return fail(err, VITLRP_FORMAT, "not valid JSON: a zero byte in it");
    }
    if (cost->memory > max_memory) {
        return fail_limit(
            err,
            "its JSON of %zu values may take %zu bytes of memory, more than the limit of "
            "%zu",
            cost->values, cost->memory, max_memory);
    }
    return VITLRP_OK;
}

enum vitlrp_status json_parse_within(const char *bytes, size_t size, size_t max_memory,
                                     json_t **out, struct vitlrp_error *err) {
    struct json_cost cost;
    enum json_verdict verdict;
    json_t *value = NULL;
    TRY(check_text(bytes, size, max_memory, &verdict, &cost, err));
    if (verdict != JSON_WELL_FORMED) {
        return json_fail_at(bytes, cost.stopped,
                            cost.stopped < size ? "something else is expected" : "it ends early",
                            err);
    }
    TRY(json_build(bytes, size, &cost, &value, err));
    if (!json_is_object(value)) {
        json_decref(value);
        return fail(err, VITLRP_FORMAT, "not a JSON object");
    }
    *out = value;
    return VITLRP_OK;
}

enum vitlrp_status json_parse_object(const char *bytes, size_t size, json_t **out,
                                     struct vitlrp_error *err) {
    enum vitlrp_status status = json_parse_within(bytes, size, JSON_MAX_MEMORY, out, err);
    return error_topic(err, status, VITLRP_TOPIC_NONE); /* this limit is fixed */
}

enum vitlrp_status json_read_object(const char *path, size_t limit, json_t **out,
                                    struct vitlrp_error *err) {
    struct bytes bytes = {0};
    TRY(file_read(path, limit, &bytes, err));
    enum vitlrp_status status = json_parse_object((const char *) bytes.data, bytes.size, out, err);
    bytes_free(&bytes);
    return error_prefix(err, status, path);
}

enum vitlrp_status json_get_int(const json_t *object, const char *key, int64_t min, int64_t max,
                                int64_t *out, struct vitlrp_error *err) {
    const json_t *value = json_object_get(object, key);
    if (value == NULL || json_is_null(value)) {
        return VITLRP_OK;
    }
    if (!json_is_integer(value) || json_integer_value(value) < min ||
        json_integer_value(value) > max) {
        return fail(err, VITLRP_MISMATCH, "\"%s\" must be an integer from %lld to %lld", key,
                    (long long) min, (long long) max);
    }
    *out = json_integer_value(value);
    return VITLRP_OK;
}

enum vitlrp_status json_get_number(const json_t *object, const char *key, double *out,
                                   struct vitlrp_error *err) {
    const json_t *value = json_object_get(object, key);
    if (value == NULL || json_is_null(value)) {
        return VITLRP_OK;
    }
    if (!json_is_number(value) || !isfinite(json_number_value(value))) {
        return fail(err, VITLRP_MISMATCH, "\"%s\" must be a number", key);
    }
    *out = json_number_value(value);
    return VITLRP_OK;
}

const char *json_get_string(const json_t *object, const char *key) {
    return json_string_value(json_object_get(object, key));
}

json_t *json_number(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

json_t *json_text(const char *text) {
    size_t length = strlen(text);
    if (text_is_utf8(text, length)) {
        return json_string(text);
    }
    struct text escaped = {.limit = 4 * length + 1};
    text_append_escaped(&escaped, text);
    json_t *string = escaped.failed ? NULL : json_string(escaped.data);
    text_free(&escaped);
    return string;
}

static int append_chunk(const char *bytes, size_t size, void *out) {
    struct text *text = out;
    text_append(text, bytes, size);
    return text->failed ? -1 : 0;
}

/* A character that text_escape_name escapes. */
struct hostile {
    size_t at, length; /* in the text; behind its end: 0 */
    uint32_t code;
};

/* The first of the text from `begin` on. Line ends are the dump's own: jansson writes those of
 * strings as \n. */
static struct hostile find_hostile(const struct text *text, size_t begin) {
    struct hostile found = {.at = begin};
    for (; found.at < text->length; found.at++) {
        const char *next = text->data + found.at;
        bool plain = *next == '\n' || ((*next & 0x80) == 0 && *next != 0x7F);
        found.length = plain ? 0 : text_hostile_length(next, text->length - found.at, &found.code);
        if (found.length > 0) {
            break;
        }
    }
    return found;
}

/* Writes such characters, which stand in strings only, as \uNNNN: the same value for a program, and
 * nothing that a terminal obeys. */
static void escape_hostile(struct text *out, size_t begin) {
    struct text dumped = {.limit = out->limit};
    if (out->failed || find_hostile(out, begin).length == 0) {
        return;
    }
    text_append(&dumped, out->data + begin, out->length - begin);
    out->length = begin;
    for (size_t done = 0; done < dumped.length && !dumped.failed;) {
        struct hostile next = find_hostile(&dumped, done);
        text_append(out, dumped.data + done, next.at - done);
        if (next.length > 0) {
            text_printf(out, "\\u%04X", (unsigned) next.code);
        }
        done = next.at + next.length;
    }
    out->failed |= dumped.failed;
    text_free(&dumped);
}

void json_append(struct text *out, const json_t *value, size_t indent) {
    size_t begin = out->length;
    size_t flags = JSON_ENCODE_ANY | JSON_REAL_PRECISION(9);
    flags |= indent > 0 ? JSON_INDENT(indent) : JSON_COMPACT;
    if (json_dump_callback(value, append_chunk, out, flags) != 0) {
        out->failed = true;
    }
    escape_hostile(out, begin);
}

void json_describe(struct text *out) {
    text_printf(out, "jansson %s", jansson_version_str());
}
