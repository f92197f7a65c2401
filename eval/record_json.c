#include "eval/record_json.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/json_members.h"
#include "base/mem.h"

void record_add_string(struct text *out, const char *string) {
    size_t length = strlen(string);
    text_append_string(out, "\"");
    for (size_t i = 0; i < length;) {
        uint32_t code;
        size_t hostile = text_hostile_length(string + i, length - i, &code);
        if (hostile > 0) {
            text_printf(out, "\\u%04x", (unsigned) code);
            i += hostile;
            continue;
        }
        if (string[i] == '"' || string[i] == '\\') {
            text_append_string(out, "\\");
        }
        text_append(out, string + i, 1);
        i++;
    }
    text_append_string(out, "\"");
}

/* 9 digits distinguish every float32 from its neighbours, 17 every double. A JSON integer has no
 * -0, so that of a float needs its point. */
void record_add_number(struct text *out, double value, int digits) {
    if (!isfinite(value)) {
        text_append_string(out, "null");
    } else if (value == 0.0 && signbit(value)) {
        text_append_string(out, "-0.0");
    } else {
        text_printf(out, "%.*g", digits, value);
    }
}

void record_add_float(struct text *out, float value) {
    record_add_number(out, (double) value, 9);
}

/* A curve of what there is not, all NaN, is null. */
void record_add_floats(struct text *out, const char *key, const float *values, size_t count) {
    if (isnan(values[0])) {
        text_printf(out, ",\"%s\":null", key);
        return;
    }
    text_printf(out, ",\"%s\":[", key);
    for (size_t i = 0; i < count; i++) {
        text_append_string(out, i == 0 ? "" : ",");
        record_add_float(out, values[i]);
    }
    text_append_string(out, "]");
}

void record_add_optional(struct text *out, const char *key, const char *string) {
    text_append_string(out, key);
    if (string == NULL) {
        text_append_string(out, "null");
    } else {
        record_add_string(out, string);
    }
}

enum vitlrp_status record_fail_key(const char *key, struct vitlrp_error *err) {
    return fail(err, VITLRP_FORMAT, "\"%s\" is missing, or is not what it must be", key);
}

enum vitlrp_status record_need_string(const json_t *object, const char *key, char **out,
                                      struct vitlrp_error *err) {
    const char *value = json_get_string(object, key);
    if (value == NULL) {
        return record_fail_key(key, err);
    }
    *out = mem_strdup(value);
    return *out == NULL ? fail(err, VITLRP_NOMEM, "out of memory for a record") : VITLRP_OK;
}

enum vitlrp_status record_need_hash(const json_t *object, const char *key, char **out,
                                    struct vitlrp_error *err) {
    return json_is_of_kind(json_object_get(object, key), JSON_IS_HASH)
               ? record_need_string(object, key, out, err)
               : record_fail_key(key, err);
}

enum vitlrp_status record_need_int(const json_t *object, const char *key, int64_t min, int64_t max,
                                   int64_t *out, struct vitlrp_error *err) {
    const json_t *value = json_object_get(object, key);
    if (!json_is_integer(value) || json_integer_value(value) < min ||
        json_integer_value(value) > max) {
        return record_fail_key(key, err);
    }
    *out = json_integer_value(value);
    return VITLRP_OK;
}

enum vitlrp_status record_need_float(const json_t *object, const char *key, float *out,
                                     struct vitlrp_error *err) {
    const json_t *value = json_object_get(object, key);
    double number = json_number_value(value);
    if (!json_is_number(value) || !(fabs(number) <= (double) FLT_MAX)) {
        return record_fail_key(key, err);
    }
    *out = (float) number;
    return VITLRP_OK;
}

/* A number, or NaN for null. */
enum vitlrp_status record_need_double(const json_t *object, const char *key, double *out,
                                      struct vitlrp_error *err) {
    const json_t *value = json_object_get(object, key);
    if (!json_is_number(value) && !json_is_null(value)) {
        return record_fail_key(key, err);
    }
    *out = json_is_null(value) ? NAN : json_number_value(value);
    return VITLRP_OK;
}

enum vitlrp_status record_need_floats(const json_t *object, const char *key, float *out,
                                      size_t count, struct vitlrp_error *err) {
    const json_t *list = json_object_get(object, key);
    if (!json_is_array(list) || json_array_size(list) != count) {
        return record_fail_key(key, err);
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *value = json_array_get(list, i);
        double number = json_number_value(value);
        if (!json_is_number(value) || !(fabs(number) <= (double) FLT_MAX)) {
            return record_fail_key(key, err);
        }
        out[i] = (float) number;
    }
    return VITLRP_OK;
}
