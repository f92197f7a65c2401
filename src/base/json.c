#include "base/json.h"

#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"

enum status json_parse_object(const char *bytes, size_t size, json_t **out, struct error *err) {
    json_error_t detail;
    json_t *value = json_loadb(bytes, size, JSON_REJECT_DUPLICATES, &detail);
    if (value == NULL) {
        return fail(err, STATUS_FORMAT, "not valid JSON: %s (line %d, column %d)", detail.text,
                    detail.line, detail.column);
    }
    if (!json_is_object(value)) {
        json_decref(value);
        return fail(err, STATUS_FORMAT, "not a JSON object");
    }
    *out = value;
    return STATUS_OK;
}

enum status json_read_object(const char *path, size_t limit, json_t **out, struct error *err) {
    struct bytes bytes = {0};
    TRY(file_read(path, limit, &bytes, err));
    enum status status = json_parse_object((const char *) bytes.data, bytes.size, out, err);
    bytes_free(&bytes);
    return error_prefix(err, status, path);
}

enum status json_get_int(const json_t *object, const char *key, int64_t min, int64_t max,
                         int64_t *out, struct error *err) {
    const json_t *value = json_object_get(object, key);
    if (value == NULL || json_is_null(value)) {
        return STATUS_OK;
    }
    if (!json_is_integer(value) || json_integer_value(value) < min ||
        json_integer_value(value) > max) {
        return fail(err, STATUS_MISMATCH, "\"%s\" must be an integer from %lld to %lld", key,
                    (long long) min, (long long) max);
    }
    *out = json_integer_value(value);
    return STATUS_OK;
}

enum status json_get_number(const json_t *object, const char *key, double *out, struct error *err) {
    const json_t *value = json_object_get(object, key);
    if (value == NULL || json_is_null(value)) {
        return STATUS_OK;
    }
    if (!json_is_number(value) || !isfinite(json_number_value(value))) {
        return fail(err, STATUS_MISMATCH, "\"%s\" must be a number", key);
    }
    *out = json_number_value(value);
    return STATUS_OK;
}

const char *json_get_string(const json_t *object, const char *key) {
    return json_string_value(json_object_get(object, key));
}

json_t *json_number(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

static int append_chunk(const char *bytes, size_t size, void *out) {
    struct text *text = out;
    text_append(text, bytes, size);
    return text->failed ? -1 : 0;
}

void json_append(struct text *out, const json_t *value, size_t indent) {
    size_t flags = JSON_ENCODE_ANY | JSON_REAL_PRECISION(9);
    flags |= indent > 0 ? JSON_INDENT(indent) : JSON_COMPACT;
    if (json_dump_callback(value, append_chunk, out, flags) != 0) {
        out->failed = true;
    }
}

void json_describe(struct text *out) {
    text_printf(out, "jansson %s", jansson_version_str());
}
