#include "rerun_report.h"

#include <math.h>

#include "base/formats.h"
#include "base/json_compare.h"
#include "base/settings_json.h"
#include "cli/explanation.h"
#include "vitlrp.h"

#define SHOWN 10 /* of a kind, for people */

/* What differs is called so, and so are the keys of the record. */
static const char *const NAMES[RERUN_KINDS] = {[RERUN_FIGURE] = "figures",
                                               [RERUN_INPUT] = "inputs",
                                               [RERUN_OPTION] = "options",
                                               [RERUN_CIRCUMSTANCE] = "circumstances"};

/* ---- For people ---- */

static void append_difference(struct text *out, const struct rerun_difference *difference,
                              bool of_figure) {
    double relative = rerun_relative(difference);
    text_append_string(out, "  ");
    json_append_change(out, difference->path, difference->was, difference->is);
    if (of_figure && isfinite(relative)) {
        text_printf(out, " (relative difference %.1e)", relative);
    }
    text_append_string(out, "\n");
}

static void append_kind(struct text *out, const struct rerun_comparison *comparison,
                        enum rerun_kind kind) {
    size_t count = comparison->count[kind];
    if (count == 0) {
        return;
    }
    if (kind != RERUN_FIGURE) {
        text_printf(out, "%s that differ:\n", NAMES[kind]);
    }
    for (size_t i = 0; i < count && i < SHOWN; i++) {
        append_difference(out, &comparison->kept[kind][i], kind == RERUN_FIGURE);
    }
    if (count > SHOWN) {
        text_printf(out, "  and %zu more\n", count - SHOWN);
    }
}

void rerun_report_append(const struct rerun_record *record,
                         const struct rerun_comparison *comparison, struct text *out) {
    char name[240];
    bool others = false;
    text_escape_name(name, sizeof name, record->path);
    text_printf(out, "%s: ", name);
    if (comparison->count[RERUN_FIGURE] > 0) {
        text_printf(out, "different: %zu of %zu figures", comparison->count[RERUN_FIGURE],
                    comparison->figures);
    } else {
        text_printf(out, "%s: %zu figures", rerun_is_equal(comparison) ? "equal" : "equal figures",
                    comparison->figures);
    }
    if (comparison->files > 0) {
        text_printf(out, ", %zu files", comparison->files);
    }
    text_append_string(out, "\n");
    for (enum rerun_kind kind = 0; kind < RERUN_KINDS; kind++) {
        append_kind(out, comparison, kind);
        others = others || (kind != RERUN_FIGURE && comparison->count[kind] > 0);
    }
    if (!others && comparison->count[RERUN_FIGURE] > 0) {
        text_append_string(out, "no input, option, version, processor or arithmetic differs\n");
    }
}

/* ---- For programs ---- */

static json_t *json_or_null(json_t *value) {
    return value == NULL ? json_null() : json_incref(value);
}

static json_t *json_difference_of(const struct rerun_difference *difference, enum rerun_kind kind,
                                  bool *complete) {
    json_t *object = json_object();
    json_set(object, "of", json_string(NAMES[kind]), complete);
    json_set(object, "path", json_text(difference->path), complete);
    json_set(object, "was", json_or_null(difference->was), complete);
    json_set(object, "is", json_or_null(difference->is), complete);
    json_set(object, "relative", json_number(rerun_relative(difference)), complete);
    return object;
}

static json_t *json_counts(const struct rerun_comparison *comparison, bool *complete) {
    json_t *object = json_object();
    for (enum rerun_kind kind = 0; kind < RERUN_KINDS; kind++) {
        json_set(object, NAMES[kind], json_integer((json_int_t) comparison->count[kind]), complete);
    }
    return object;
}

static json_t *json_differences(const struct rerun_comparison *comparison, bool *complete) {
    json_t *list = json_array();
    for (enum rerun_kind kind = 0; kind < RERUN_KINDS; kind++) {
        for (size_t i = 0; i < comparison->count[kind] && i < RERUN_KEPT; i++) {
            json_t *item = json_difference_of(&comparison->kept[kind][i], kind, complete);
            json_add(list, item, complete);
        }
    }
    return list;
}

enum vitlrp_status rerun_report_json(const struct rerun_record *record,
                                     const struct rerun_comparison *comparison, json_t **out,
                                     struct vitlrp_error *err) {
    bool complete = true;
    json_t *object = json_object();
    json_set(object, "format", json_string(FORMAT_RERUN), &complete);
    json_set(object, "version", json_string(vitlrp_version()), &complete);
    json_set(object, "record", json_text(record->path), &complete);
    json_set(object, "verb", json_string(verb_name(record->verb)), &complete);
    json_set(object, "equal", json_boolean(rerun_is_equal(comparison)), &complete);
    json_set(object, "figures", json_integer((json_int_t) comparison->figures), &complete);
    json_set(object, "files", json_integer((json_int_t) comparison->files), &complete);
    json_set(object, "differ", json_counts(comparison, &complete), &complete);
    json_set(object, "differences", json_differences(comparison, &complete), &complete);
    if (!complete) {
        json_decref(object);
        return fail(err, VITLRP_NOMEM, "out of memory for the report of a rerun");
    }
    *out = object;
    return VITLRP_OK;
}
