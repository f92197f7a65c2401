#include "limits.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "args.h"
#include "base/field.h"
#include "base/parse.h"
#include "machine.h"

struct limit {
    const char *name;
    struct field field; /* of struct limits */
    bool is_bytes;
};

#define IMAGE(field) FIELD_OF(struct limits, image.field)
#define MODEL(field) FIELD_OF(struct limits, model.field)

static const struct limit TABLE[] = {
    {"file", IMAGE(max_file_bytes), true},
    {"side", IMAGE(max_side), false},
    {"pixels", IMAGE(max_pixels), false},
    {"whole", IMAGE(max_whole_pixels), false},
    {"codec", IMAGE(max_codec_bytes), true},
    {"scans", IMAGE(max_jpeg_scans), false},
    {"warnings", IMAGE(max_jpeg_warnings), false},
    {"weights", MODEL(max_bytes), true},
    {"table", MODEL(max_table_bytes), true},
    {"tensors", MODEL(max_tensors), false},
    {"entries", MODEL(max_zip_entries), false},
    {"opcodes", MODEL(max_pickle_opcodes), false},
    {"json", MODEL(max_json_bytes), true},
    {"tokens", MODEL(max_tokens), false},
    {"operations", MODEL(max_operations), false},
    {"memory", FIELD_OF(struct limits, memory), true},
};

#define COUNT (sizeof TABLE / sizeof TABLE[0])

void limits_init(struct limits *limits) {
    uint64_t room = machine_room().with_swap;
    room = room < 1 ? 1 : room;
    vitlrp_image_limits_init(&limits->image);
    vitlrp_model_limits_init(&limits->model);
    if (room < limits->model.max_bytes) {
        limits->model.max_bytes = room;
    }
    limits->memory = 0;
}

size_t limits_memory(const struct limits *limits, uint64_t left) {
    if (limits->memory > 0) {
        return limits->memory;
    }
    return left < 1 ? 1 : left < SIZE_MAX ? (size_t) left : SIZE_MAX;
}

static const struct limit *limit_find(const char *name, size_t length) {
    for (size_t i = 0; i < COUNT; i++) {
        if (strlen(TABLE[i].name) == length && memcmp(TABLE[i].name, name, length) == 0) {
            return &TABLE[i];
        }
    }
    return NULL;
}

static enum vitlrp_status fail_name(const char *option, const char *text,
                                    struct vitlrp_error *err) {
    struct text wanted = {.limit = 512};
    text_append_string(&wanted, "NAME=NUMBER, of the names");
    for (size_t i = 0; i < COUNT; i++) {
        text_printf(&wanted, "%s %s", i == 0 ? "" : i + 1 == COUNT ? " and" : ",", TABLE[i].name);
    }
    enum vitlrp_status status =
        option_fail(option, text, wanted.failed ? "NAME=NUMBER" : wanted.data, err);
    text_free(&wanted);
    return status;
}

enum vitlrp_status limits_change(const char *option, const char *text, struct limits *limits,
                                 struct vitlrp_error *err) {
    const char *next = text;
    while (next != NULL) {
        size_t length = strcspn(next, ",");
        const char *equals = memchr(next, '=', length);
        const struct limit *limit =
            equals == NULL ? NULL : limit_find(next, (size_t) (equals - next));
        if (limit == NULL) {
            return fail_name(option, text, err);
        }
        size_t digits = length - (size_t) (equals + 1 - next);
        int64_t max = limit->field.size == sizeof(int32_t) ? INT32_MAX : INT64_MAX;
        int64_t number = 0;
        bool read = limit->is_bytes ? parse_bytes_span(equals + 1, digits, 1, max, &number)
                                    : parse_int64_span(equals + 1, digits, 1, max, &number);
        if (!read) {
            char wanted[120];
            snprintf(wanted, sizeof wanted, "%s=NUMBER, from 1 to %lld%s", limit->name,
                     (long long) max, limit->is_bytes ? ", or with KiB, MiB or GiB" : "");
            return option_fail(option, text, wanted, err);
        }
        field_set(limits, limit->field, number);
        next = next[length] == ',' ? next + length + 1 : NULL;
    }
    return VITLRP_OK;
}

void limits_append(const struct limits *limits, struct text *out) {
    static const struct {
        const char *suffix;
        int shift;
    } UNITS[] = {{"GiB", 30}, {"MiB", 20}, {"KiB", 10}};
    const char *comma = "";
    for (size_t i = 0; i < COUNT; i++) {
        uint64_t number = (uint64_t) field_get(limits, TABLE[i].field);
        const char *suffix = "";
        for (size_t u = 0; u < 3 && TABLE[i].is_bytes && suffix[0] == '\0'; u++) {
            if (number % ((uint64_t) 1 << UNITS[u].shift) == 0) {
                suffix = UNITS[u].suffix;
                number >>= UNITS[u].shift;
            }
        }
        if (number != 0) {
            text_printf(out, "%s%s=%llu%s", comma, TABLE[i].name, (unsigned long long) number,
                        suffix);
            comma = ",";
        }
    }
}
