#include "api/edit_names.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/parse.h"
#include "base/settings_json.h"
#include "base/text.h"
#include "base/words.h"

#define NAME_LIMIT ((size_t) 256)

/* The fewest digits that are this float. */
static void append_number(struct text *out, float value) {
    double number = (double) value;
    double parsed = 0.0;
    bool exact = false;
    for (int digits = 1; digits <= 9 && !exact; digits++) {
        struct text text = {.limit = NAME_LIMIT};
        text_printf(&text, "%.*g", digits, number);
        exact = text.data != NULL && parse_double(text.data, -3.5e38, 3.5e38, &parsed) &&
                (float) parsed == value;
        if (exact || digits == 9) {
            text_append(out, text.data, text.length);
        }
        text_free(&text);
    }
}

/* Of CLS and of the others; false where a head's outputs have different ones. */
static bool constant_is_one(const float *constant, size_t width) {
    for (size_t i = 1; i < width; i++) {
        if (constant[2 * i] != constant[0] || constant[2 * i + 1] != constant[1]) {
            return false;
        }
    }
    return true;
}

static bool adds(const struct vitlrp_edit *edit, size_t width) {
    for (size_t i = 0; edit->constant != NULL && i < 2 * width; i++) {
        if (edit->constant[i] != 0.0F) {
            return true;
        }
    }
    return false;
}

static void append_constant(struct text *out, const float *constant) {
    text_append_string(out, ":=");
    append_number(out, constant[0]);
    if (constant[1] != constant[0]) {
        text_append_string(out, "/");
        append_number(out, constant[1]);
    }
}

static void append_unit(struct text *out, const struct vitlrp_unit *unit) {
    text_printf(out, "%d:%s:", unit->block, word_of(WORDS_SITE, unit->site));
    if (unit->index < 0) {
        text_append_string(out, "*");
    } else {
        text_printf(out, "%d", unit->index);
    }
}

/* "4:fc1:367=0.5:=0.7". */
static void append_name(struct text *out, const struct vitlrp_edit *edit, size_t width) {
    bool has_constant = adds(edit, width);
    append_unit(out, &edit->unit);
    if (edit->factor != 0.0F || !has_constant) {
        text_append_string(out, "=");
        append_number(out, edit->factor + 0.0F); /* -0 is 0 */
    }
    if (has_constant) {
        append_constant(out, edit->constant);
    }
}

/* Where a head's outputs have different constants, an object of all. */
static json_t *json_edit(const struct vitlrp_edit *edit, const char *unit, size_t width,
                         bool *complete) {
    json_t *object = json_object();
    json_t *constants = json_array();
    for (size_t i = 0; i < width; i++) {
        json_t *pair = json_pack("[oo]", json_float32(edit->constant[2 * i]),
                                 json_float32(edit->constant[2 * i + 1]));
        json_add(constants, pair, complete);
    }
    json_set(object, "unit", json_string(unit), complete);
    json_set(object, "factor", json_float32(edit->factor + 0.0F), complete);
    json_set(object, "constant", constants, complete);
    return object;
}

static int compare_edits(const void *left, const void *right) {
    const struct vitlrp_unit *a = &((const struct vitlrp_edit *) left)->unit;
    const struct vitlrp_unit *b = &((const struct vitlrp_edit *) right)->unit;
    if (a->block != b->block) {
        return a->block < b->block ? -1 : 1;
    }
    if (a->site != b->site) {
        return a->site < b->site ? -1 : 1;
    }
    return a->index < b->index ? -1 : a->index > b->index;
}

static enum vitlrp_status add_name(json_t *list, const struct vit_config *config,
                                   const struct vitlrp_edit *edit, struct vitlrp_error *err) {
    struct text text = {.limit = NAME_LIMIT};
    bool is_head = edit->unit.site == VITLRP_SITE_HEAD;
    size_t width = is_head ? (size_t) (config->dim / config->heads) : 1;
    bool is_vector = adds(edit, width) && !constant_is_one(edit->constant, width);
    bool complete = true;
    if (is_vector) {
        append_unit(&text, &edit->unit);
    } else {
        append_name(&text, edit, width);
    }
    enum vitlrp_status status = text_check(&text, "the name of an edit", err);
    if (status == VITLRP_OK) {
        json_t *name =
            is_vector ? json_edit(edit, text.data, width, &complete) : json_string(text.data);
        json_add(list, name, &complete);
    }
    text_free(&text);
    return status != VITLRP_OK || complete
               ? status
               : fail(err, VITLRP_NOMEM, "out of memory for the names of edits");
}

enum vitlrp_status edit_names_make(const struct vit_model *model, const struct vitlrp_edit *edits,
                                   size_t count, json_t **out, struct vitlrp_error *err) {
    struct vitlrp_edit *sorted = mem_calloc(count, sizeof *sorted);
    json_t *list = json_array();
    enum vitlrp_status status = sorted == NULL || list == NULL
                                    ? fail(err, VITLRP_NOMEM, "out of memory for edits")
                                    : VITLRP_OK;
    for (size_t i = 0; status == VITLRP_OK && i < count; i++) {
        sorted[i] = edits[i];
    }
    if (status == VITLRP_OK) {
        qsort(sorted, count, sizeof *sorted, compare_edits);
    }
    for (size_t i = 0; status == VITLRP_OK && i < count; i++) {
        status = add_name(list, &model->config, &sorted[i], err);
    }
    mem_free(sorted);
    if (status != VITLRP_OK) {
        json_decref(list);
        return status;
    }
    *out = list;
    return VITLRP_OK;
}
