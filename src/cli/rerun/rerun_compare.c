#include "rerun_compare.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

#define PATH_MOST ((size_t) 1 << 14)

/* ---- What a path is of ---- */

/* Names of inputs and outputs, times, and what the command was: no results. */
static const char *const SKIPPED[] = {
    "timing_ms",   "figure",          "maps",         "image",          "image_escaped",
    "model",       "dataset",         "search.model", "search.dataset", "run.verb",
    "run.options", "settings_sha256", "upgraded_from"};

static const struct {
    const char *member;
    enum rerun_kind kind;
} KINDS[] = {
    {"configuration", RERUN_INPUT},
    {"search.configuration", RERUN_INPUT},
    {"manifest", RERUN_INPUT},
    {"search.manifest", RERUN_INPUT},
    {"run", RERUN_CIRCUMSTANCE},
    {"version", RERUN_CIRCUMSTANCE},
    {"settings.arithmetic", RERUN_CIRCUMSTANCE},
    {"parameters", RERUN_OPTION},
    {"preprocess", RERUN_OPTION},
    {"protocol", RERUN_OPTION},
    {"settings", RERUN_OPTION},
    {"method", RERUN_OPTION},
    {"reference", RERUN_OPTION},
    {"shard", RERUN_OPTION},
};

/* True of the member itself and of what is in it. */
static bool is_below(const char *path, const char *member) {
    size_t length = strlen(member);
    return strncmp(path, member, length) == 0 &&
           (path[length] == '\0' || path[length] == '.' || path[length] == '[');
}

static const char *last_member(const char *path) {
    const char *dot = strrchr(path, '.');
    return dot == NULL ? path : dot + 1;
}

static bool is_skipped(const char *path) {
    for (size_t i = 0; i < sizeof SKIPPED / sizeof SKIPPED[0]; i++) {
        if (strcmp(path, SKIPPED[i]) == 0) {
            return true;
        }
    }
    return is_below(path, "images") && strcmp(last_member(path), "image") == 0;
}

static enum rerun_kind kind_of(const char *path) {
    const char *last = last_member(path);
    size_t length = strlen(last);
    if (length >= 6 && strcmp(last + length - 6, "sha256") == 0) {
        return RERUN_INPUT;
    }
    if (strcmp(last, "precision") == 0) { /* the one in use, which the processor decides about */
        return RERUN_CIRCUMSTANCE;
    }
    for (size_t i = 0; i < sizeof KINDS / sizeof KINDS[0]; i++) {
        if (is_below(path, KINDS[i].member)) {
            return KINDS[i].kind;
        }
    }
    return RERUN_FIGURE;
}

/* ---- Differences ---- */

void rerun_compare_add(struct rerun_comparison *comparison, enum rerun_kind kind, const char *path,
                       json_t *was, json_t *is) {
    size_t place = comparison->count[kind]++;
    char *name = place < RERUN_KEPT ? mem_strdup(path) : NULL;
    if (name == NULL) {
        comparison->failed |= place < RERUN_KEPT;
        json_decref(was);
        json_decref(is);
        comparison->count[kind] -= place < RERUN_KEPT ? 1 : 0;
        return;
    }
    size_t length = strlen(name);
    if (length > 0 && name[length - 1] == '.') { /* of a whole record: its prefix alone */
        name[length - 1] = '\0';
    }
    comparison->kept[kind][place] = (struct rerun_difference){name, was, is};
}

/* A place in both records: the text of its path, and how much of that is the prefix, with its dot.
 */
struct place {
    struct rerun_comparison *comparison;
    struct text path;
    size_t prefix;
};

static const char *path_of(const struct place *place) {
    return place->path.data == NULL ? "" : place->path.data + place->prefix;
}

static void compare_values(struct place *place, const json_t *was, const json_t *is);

/* Back to the path that it was. */
static void path_cut(struct place *place, size_t length) {
    place->path.length = length;
    if (place->path.data != NULL) {
        place->path.data[length] = '\0';
    }
}

static void compare_member(struct place *place, const char *key, const json_t *was,
                           const json_t *is) {
    size_t length = place->path.length;
    text_append_string(&place->path, length > place->prefix ? "." : "");
    text_append_escaped(&place->path, key);
    if (!is_skipped(path_of(place))) {
        compare_values(place, was, is);
    }
    path_cut(place, length);
}

static void compare_objects(struct place *place, const json_t *was, const json_t *is) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *) was, key, value) {
        compare_member(place, key, value, json_object_get(is, key));
    }
    json_object_foreach((json_t *) is, key, value) {
        if (json_object_get(was, key) == NULL) {
            compare_member(place, key, NULL, value);
        }
    }
}

static void compare_arrays(struct place *place, const json_t *was, const json_t *is) {
    size_t length = place->path.length;
    size_t count =
        json_array_size(was) > json_array_size(is) ? json_array_size(was) : json_array_size(is);
    for (size_t i = 0; i < count; i++) {
        text_printf(&place->path, "[%zu]", i);
        compare_values(place, json_array_get(was, i), json_array_get(is, i));
        path_cut(place, length);
    }
}

/* A number has the digits that were printed, so equal values are equal texts. */
static void compare_values(struct place *place, const json_t *was, const json_t *is) {
    struct rerun_comparison *comparison = place->comparison;
    if (place->path.failed) {
        comparison->failed = true;
        return;
    }
    if (json_is_object(was) && json_is_object(is)) {
        compare_objects(place, was, is);
        return;
    }
    if (json_is_array(was) && json_is_array(is)) {
        compare_arrays(place, was, is);
        return;
    }
    enum rerun_kind kind = kind_of(path_of(place));
    comparison->figures += kind == RERUN_FIGURE && json_is_number(was) ? 1 : 0;
    if (was == NULL || is == NULL || !json_equal(was, is)) {
        rerun_compare_add(comparison, kind, place->path.data == NULL ? "" : place->path.data,
                          json_incref((json_t *) was), json_incref((json_t *) is));
    }
}

void rerun_compare(struct rerun_comparison *comparison, const char *prefix, const json_t *was,
                   const json_t *is) {
    struct place place = {.comparison = comparison, .path = {.limit = PATH_MOST}};
    text_append_string(&place.path, prefix);
    place.prefix = place.path.length;
    compare_values(&place, was, is);
    text_free(&place.path);
}

void rerun_compare_lists(struct rerun_comparison *comparison, const char *name,
                         const struct rerun_list *was, const struct rerun_list *is) {
    size_t count = was->count > is->count ? was->count : is->count;
    for (size_t i = 0; i < count; i++) {
        char prefix[64] = "";
        if (count > 1 || name[0] != '\0') {
            snprintf(prefix, sizeof prefix, "%s[%zu].", name, i);
        }
        rerun_compare(comparison, prefix, i < was->count ? was->items[i] : NULL,
                      i < is->count ? is->items[i] : NULL);
    }
}

bool rerun_is_equal(const struct rerun_comparison *comparison) {
    return comparison->count[RERUN_FIGURE] == 0 && comparison->count[RERUN_INPUT] == 0 &&
           comparison->count[RERUN_OPTION] == 0;
}

double rerun_relative(const struct rerun_difference *difference) {
    if (!json_is_number(difference->was) || !json_is_number(difference->is)) {
        return NAN;
    }
    double was = json_number_value(difference->was);
    return fabs(json_number_value(difference->is) - was) / fabs(was);
}

void rerun_comparison_free(struct rerun_comparison *comparison) {
    for (int kind = 0; kind < RERUN_KINDS; kind++) {
        for (size_t i = 0; i < RERUN_KEPT; i++) {
            struct rerun_difference *difference = &comparison->kept[kind][i];
            mem_free(difference->path);
            json_decref(difference->was);
            json_decref(difference->is);
        }
    }
    *comparison = (struct rerun_comparison){0};
}
