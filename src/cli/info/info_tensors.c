#include "info_tensors.h"

#include <string.h>

#include "base/formats.h"
#include "base/json.h"
#include "base/settings_json.h"
#include "cli/explanation.h"

#define TENSORS_SHOWN ((size_t) 200)
#define MISSING_SHOWN ((size_t) 8)
#define SHAPE_TEXT 200
#define NAME_TEXT 240
#define NAME_WIDTH 60
#define MOST_JSON ((size_t) 1 << 30) /* the library's text is bounded by its limits */

void info_tensors_take(void *user, const char *data, size_t size) {
    struct info_tensors *tensors = user;
    if (json_parse_within(data, size, MOST_JSON, &tensors->list, &tensors->unread) != VITLRP_OK) {
        tensors->list = NULL;
    }
}

/* ---- For people ---- */

static size_t count_use(const json_t *list, const char *use) {
    size_t count = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        count += strcmp(json_get_string(json_array_get(list, i), "use"), use) == 0;
    }
    return count;
}

static void append_missing(struct text *out, const json_t *missing) {
    size_t count = json_array_size(missing);
    for (size_t i = 0; i < count && i < MISSING_SHOWN; i++) {
        text_printf(out, "%s%s", i == 0 ? "; the file lacks " : ", ",
                    json_string_value(json_array_get(missing, i)));
    }
    if (count > MISSING_SHOWN) {
        text_printf(out, " and %zu more", count - MISSING_SHOWN);
    }
}

void info_tensors_append(struct text *out, const json_t *tensors, bool refused, int verbosity) {
    const json_t *list = json_object_get(tensors, "tensors");
    size_t count = json_array_size(list);
    size_t unknown = count_use(list, "unknown");
    size_t left_out = count_use(list, "left_out");
    text_printf(out, "tensors       %zu in %s: %zu recognised", count,
                json_get_string(tensors, "container"), count - unknown - left_out);
    text_printf(out, ", %zu left out, %zu unknown%s\n", left_out, unknown,
                refused || verbosity > 1 ? "" : " (-v lists them)");
    if (!refused) {
        return;
    }
    const char *nearest = json_get_string(tensors, "nearest");
    text_printf(out, "nearest       %s",
                nearest == NULL ? "no layout has any of these names" : nearest);
    append_missing(out, json_object_get(tensors, "missing"));
    text_append_string(out, "\n");
}

/* "[32, 3, 8, 8]" */
static void print_shape(char out[SHAPE_TEXT], const json_t *shape) {
    struct text text = {.limit = SHAPE_TEXT};
    for (size_t i = 0; i < json_array_size(shape); i++) {
        text_printf(&text, "%s%lld", i == 0 ? "[" : ", ",
                    (long long) json_integer_value(json_array_get(shape, i)));
    }
    text_append_string(&text, json_array_size(shape) == 0 ? "[]" : "]");
    strncpy(out, text.failed ? "?" : text.data, SHAPE_TEXT - 1);
    out[SHAPE_TEXT - 1] = '\0';
    text_free(&text);
}

/* Of the column of names: a few long ones may stand out. */
static int name_width(const json_t *list, size_t shown) {
    size_t width = strlen("tensor");
    for (size_t i = 0; i < shown; i++) {
        size_t length = json_string_length(json_object_get(json_array_get(list, i), "name"));
        width = length > width ? length : width;
    }
    return width < NAME_WIDTH ? (int) width : NAME_WIDTH;
}

static const char *use_words(const char *use) {
    return strcmp(use, "used") == 0       ? "recognised"
           : strcmp(use, "left_out") == 0 ? "left out"
                                          : use;
}

void info_tensors_append_list(struct text *out, const json_t *tensors, int verbosity) {
    const json_t *list = json_object_get(tensors, "tensors");
    size_t count = json_array_size(list);
    size_t shown = verbosity > 1 || count < TENSORS_SHOWN ? count : TENSORS_SHOWN;
    int width = name_width(list, shown);
    text_printf(out, "\n%-*s  %-20s  type  use\n", width, "tensor", "shape");
    for (size_t i = 0; i < shown; i++) {
        const json_t *tensor = json_array_get(list, i);
        char name[NAME_TEXT];
        char shape[SHAPE_TEXT];
        text_escape_name(name, sizeof name, json_get_string(tensor, "name"));
        print_shape(shape, json_object_get(tensor, "shape"));
        text_printf(out, "%-*s  %-20s  %-4s  %s\n", width, name, shape,
                    json_get_string(tensor, "type"), use_words(json_get_string(tensor, "use")));
    }
    if (shown < count) {
        text_printf(out, "and %zu more (-v lists them)\n", count - shown);
    }
}

/* ---- For programs ---- */

enum vitlrp_status info_refused_json(const struct settings *settings, const char *refusal,
                                     const json_t *tensors, json_t **out,
                                     struct vitlrp_error *err) {
    static const char *const PARTS[] = {"container", "nearest", "used", "missing", "tensors"};
    bool complete = true;
    json_t *object = json_object();
    json_set(object, "format", json_string(FORMAT_FILE), &complete);
    json_set(object, "model", json_text(settings->model_path), &complete);
    json_set(object, "refused", json_text(refusal), &complete);
    for (size_t i = 0; i < sizeof PARTS / sizeof PARTS[0]; i++) {
        json_set(object, PARTS[i], json_incref(json_object_get(tensors, PARTS[i])), &complete);
    }
    json_set(object, "version", json_string(vitlrp_version()), &complete);
    if (!complete) {
        json_decref(object);
        return fail(err, VITLRP_NOMEM, "out of memory for the JSON report");
    }
    *out = object;
    return VITLRP_OK;
}
