#include "edit_list.h"

#include <float.h>
#include <stdbool.h>
#include <string.h>

#include "args.h"
#include "base/checked.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/text.h"
#include "base/words.h"

#define OPTION_EDIT_NAME "--edit"
#define FILE_LIMIT ((size_t) 1 << 26)
#define PIECE_LIMIT ((size_t) 256)

static const char WANTED[] =
    "UNIT=FACTOR, UNIT=mean or UNIT:=VALUE, as 4:fc1:367=0 or 4:head:2:=0.5, with a unit "
    "BLOCK:SITE:INDEX of the site fc1 or head, * for every index; VALUE is a number, or two "
    "with a / between them, of the CLS token and of the others";

/* ---- One edit ---- */

static enum vitlrp_status fail_entry(const char *text, struct vitlrp_error *err) {
    char shown[PIECE_LIMIT];
    text_escape_name(shown, sizeof shown, text);
    return fail(err, VITLRP_USAGE, "'%s': must be %s", shown, WANTED);
}

static bool copy_piece(const char *text, size_t length, char out[PIECE_LIMIT]) {
    bool fits = length < PIECE_LIMIT;
    if (fits) {
        memcpy(out, text, length);
        out[length] = '\0';
    }
    return fits;
}

/* The first `length` bytes; * in the place of the index is every one. */
static bool read_unit(const char *text, size_t length, struct vitlrp_unit *out) {
    char name[PIECE_LIMIT];
    if (!copy_piece(text, length, name)) {
        return false;
    }
    bool all = length > 1 && name[length - 1] == '*' && name[length - 2] == ':';
    if (all) {
        name[length - 1] = '0';
    }
    bool known = vitlrp_unit_parse(name, out, NULL) == VITLRP_OK;
    out->index = all ? -1 : out->index;
    return known;
}

static bool read_number(const char *text, size_t length, float *out) {
    char number[PIECE_LIMIT];
    double value = 0.0;
    if (!copy_piece(text, length, number) ||
        !parse_double(number, -(double) FLT_MAX, (double) FLT_MAX, &value)) {
        return false;
    }
    *out = (float) value;
    return true;
}

/* A number, or CLS/OTHERS. */
static bool read_constant(const char *text, float out[2]) {
    size_t first = strcspn(text, "/");
    if (!read_number(text, first, &out[0])) {
        return false;
    }
    out[1] = out[0];
    return text[first] == '\0' || read_number(text + first + 1, strlen(text + first + 1), &out[1]);
}

static enum vitlrp_status set_constants(struct edit_entry *entry, const float *values, size_t count,
                                        struct vitlrp_error *err) {
    entry->constants = mem_calloc(count, 2 * sizeof *entry->constants);
    if (entry->constants == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for edits");
    }
    memcpy(entry->constants, values, 2 * count * sizeof *values);
    entry->count = count;
    return VITLRP_OK;
}

/* UNIT=FACTOR, UNIT=mean, UNIT:=VALUE, or UNIT=FACTOR:=VALUE. */
static enum vitlrp_status read_entry(const char *text, struct edit_entry *out,
                                     struct vitlrp_error *err) {
    const char *sign = strchr(text, '=');
    if (sign == NULL || sign == text) {
        return fail_entry(text, err);
    }
    const char *value = strstr(text, ":=");
    const char *end = value == NULL ? text + strlen(text) : value;
    bool scales = value == NULL || sign < value;
    const char *unit_end = scales ? sign : value;
    float constant[2];
    out->is_mean = value == NULL && strcmp(sign + 1, "mean") == 0;
    bool good = read_unit(text, (size_t) (unit_end - text), &out->unit) &&
                (!scales || out->is_mean ||
                 read_number(sign + 1, (size_t) (end - sign) - 1, &out->factor)) &&
                (value == NULL || read_constant(value + 2, constant));
    if (!good) {
        return fail_entry(text, err);
    }
    return value == NULL ? VITLRP_OK : set_constants(out, constant, 1, err);
}

/* Room for one more, zeroed. */
static enum vitlrp_status grow(struct edit_list *list, struct edit_entry **out,
                               struct vitlrp_error *err) {
    if (list->count == list->capacity) {
        size_t capacity = size_max(16, 2 * list->capacity);
        struct edit_entry *items = mem_resize(list->items, capacity, sizeof *items);
        if (items == NULL) {
            return fail(err, VITLRP_NOMEM, "out of memory for %zu edits", capacity);
        }
        list->items = items;
        list->capacity = capacity;
    }
    *out = &list->items[list->count++];
    **out = (struct edit_entry){0};
    return VITLRP_OK;
}

static enum vitlrp_status add_text(struct edit_list *list, const char *text, size_t length,
                                   struct vitlrp_error *err) {
    char piece[PIECE_LIMIT];
    struct edit_entry *entry = NULL;
    if (!copy_piece(text, length, piece)) {
        return fail_entry(text, err);
    }
    TRY(grow(list, &entry, err));
    return read_entry(piece, entry, err);
}

static enum vitlrp_status read_list(const char *text, struct edit_list *out,
                                    struct vitlrp_error *err) {
    for (;;) {
        size_t length = strcspn(text, ",");
        TRY(error_prefix(err, add_text(out, text, length, err), OPTION_EDIT_NAME));
        if (text[length] == '\0') {
            return VITLRP_OK;
        }
        text += length + 1;
    }
}

/* ---- Files ---- */

static bool is_blank(char byte) {
    return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

/* Lines; empty ones are none. */
static enum vitlrp_status read_lines(const struct bytes *bytes, struct edit_list *out, size_t *line,
                                     struct vitlrp_error *err) {
    const char *text = (const char *) bytes->data;
    const char *end = text + bytes->size;
    for (*line = 1; text < end; (*line)++) {
        const char *newline = memchr(text, '\n', (size_t) (end - text));
        size_t length = (size_t) ((newline == NULL ? end : newline) - text);
        size_t trimmed = length;
        while (trimmed > 0 && is_blank(text[trimmed - 1])) {
            trimmed--;
        }
        if (trimmed > 0) {
            TRY(add_text(out, text, trimmed, err));
        }
        text += length + (newline == NULL ? 0 : 1);
    }
    return VITLRP_OK;
}

static bool number_of(const json_t *value, float *out) {
    double number = json_is_number(value) ? json_number_value(value) : 0.0;
    bool fits = json_is_number(value) && number >= -(double) FLT_MAX && number <= (double) FLT_MAX;
    *out = fits ? (float) number : 0.0F;
    return fits;
}

static bool pair_of(const json_t *value, float out[2]) {
    return json_is_array(value) && json_array_size(value) == 2 &&
           number_of(json_array_get(value, 0), &out[0]) &&
           number_of(json_array_get(value, 1), &out[1]);
}

/* A number; [CLS, others]; or a list of such pairs, for each output of a head. */
static enum vitlrp_status read_constants(const json_t *value, struct edit_entry *out,
                                         struct vitlrp_error *err) {
    float pair[2];
    size_t count = json_array_size(value);
    if (number_of(value, &pair[0])) {
        pair[1] = pair[0];
        return set_constants(out, pair, 1, err);
    }
    if (pair_of(value, pair)) {
        return set_constants(out, pair, 1, err);
    }
    float *pairs = mem_calloc(size_max(count, 1), 2 * sizeof *pairs);
    bool good = pairs != NULL && count > 0;
    for (size_t i = 0; good && i < count; i++) {
        good = pair_of(json_array_get(value, i), pairs + 2 * i);
    }
    enum vitlrp_status status =
        good ? set_constants(out, pairs, count, err)
             : fail(err, VITLRP_FORMAT,
                    "constant must be a number, [CLS, others], or a list of such pairs, for each "
                    "output of a head");
    mem_free(pairs);
    return status;
}

static enum vitlrp_status read_object(const json_t *object, struct edit_entry *out,
                                      struct vitlrp_error *err) {
    const char *key;
    const json_t *value;
    const char *unit = json_get_string(object, "unit");
    json_object_foreach((json_t *) object, key, value) {
        if (strcmp(key, "unit") != 0 && strcmp(key, "factor") != 0 &&
            strcmp(key, "constant") != 0) {
            return fail(err, VITLRP_FORMAT,
                        "%s is not known: an edit has unit, factor and constant", key);
        }
    }
    if (unit == NULL || !read_unit(unit, strlen(unit), &out->unit)) {
        return fail(err, VITLRP_FORMAT, "unit must be BLOCK:SITE:INDEX, as \"4:fc1:367\"");
    }
    const json_t *factor = json_object_get(object, "factor");
    const json_t *constant = json_object_get(object, "constant");
    if (factor == NULL && constant == NULL) {
        return fail(err, VITLRP_FORMAT, "%s has neither factor nor constant", unit);
    }
    if (factor != NULL && !number_of(factor, &out->factor)) {
        return fail(err, VITLRP_FORMAT, "the factor of %s must be a number", unit);
    }
    return constant == NULL ? VITLRP_OK : read_constants(constant, out, err);
}

static enum vitlrp_status read_json(const struct bytes *bytes, struct edit_list *out,
                                    struct vitlrp_error *err) {
    json_t *object = NULL;
    TRY(json_parse_object((const char *) bytes->data, bytes->size, &object, err));
    const json_t *edits = json_object_get(object, "edits");
    enum vitlrp_status status =
        json_array_size(edits) > 0
            ? VITLRP_OK
            : fail(err, VITLRP_FORMAT, "there is no list \"edits\", or it is empty");
    for (size_t i = 0; i < json_array_size(edits) && status == VITLRP_OK; i++) {
        const json_t *edit = json_array_get(edits, i);
        struct edit_entry *entry = NULL;
        const char *text = json_string_value(edit);
        if (text != NULL) {
            status = add_text(out, text, strlen(text), err);
        } else {
            status = grow(out, &entry, err);
            status = status == VITLRP_OK ? read_object(edit, entry, err) : status;
        }
        if (status != VITLRP_OK) {
            struct text place = {.limit = 64};
            text_printf(&place, "edits[%zu]", i);
            error_prefix(err, status, place.failed ? "edits" : place.data);
            text_free(&place);
        }
    }
    json_decref(object);
    return status;
}

/* What is wrong in a file is its format. */
static enum vitlrp_status of_file(enum vitlrp_status status, struct vitlrp_error *err) {
    if (status == VITLRP_USAGE && err != NULL) {
        err->status = VITLRP_FORMAT;
    }
    return status == VITLRP_USAGE ? VITLRP_FORMAT : status;
}

static enum vitlrp_status read_file(const char *path, struct edit_list *out,
                                    struct vitlrp_error *err) {
    struct bytes bytes;
    size_t line = 0;
    struct text place = {.limit = strlen(path) + 32};
    TRY(file_read(path, FILE_LIMIT, &bytes, err));
    size_t first = 0;
    while (first < bytes.size && is_blank((char) bytes.data[first])) {
        first++;
    }
    bool is_json = first < bytes.size && bytes.data[first] == '{';
    enum vitlrp_status status =
        of_file(is_json ? read_json(&bytes, out, err) : read_lines(&bytes, out, &line, err), err);
    if (status == VITLRP_OK && out->count == 0) {
        status = fail(err, VITLRP_FORMAT, "there is no edit in it");
        line = 0;
    }
    text_append_string(&place, path);
    if (line > 0) {
        text_printf(&place, ":%zu", line);
    }
    error_prefix(err, status, place.failed ? path : place.data);
    text_free(&place);
    bytes_free(&bytes);
    return status;
}

enum vitlrp_status edit_list_read(const char *text, const struct vitlrp_inputs *inputs,
                                  struct edit_list *out, struct vitlrp_error *err) {
    *out = (struct edit_list){0};
    if (text == NULL) {
        return VITLRP_OK;
    }
    if (strchr(text, '=') != NULL) {
        return read_list(text, out, err);
    }
    struct vitlrp_unit unit;
    if (read_unit(text, strcspn(text, ","), &unit)) { /* no file is called so */
        return error_prefix(err, fail_entry(text, err), OPTION_EDIT_NAME);
    }
    TRY(file_tell(inputs, text, err));
    return read_file(text, out, err);
}

void edit_list_close(struct edit_list *list) {
    for (size_t i = 0; i < list->count; i++) {
        mem_free(list->items[i].constants);
    }
    mem_free(list->items);
    *list = (struct edit_list){0};
}

/* ---- Of a model ---- */

/* Edits of a model, and room for their constants. */
struct edits {
    const struct vitlrp_model *model;
    const struct unit_indexes *indexes;
    size_t head, count, capacity; /* outputs of a head, edits */
    struct vitlrp_edit *items;    /* owned: [capacity] */
    float *constants;             /* owned: [capacity, head, 2] */
};

/* Those that stand for every unit are as many where each has a mean of its own. */
static size_t edits_of(const struct edit_entry *entry, const struct vitlrp_model *model) {
    int32_t width = vitlrp_model_site_width(model, entry->unit.site);
    return entry->is_mean && entry->unit.index < 0 ? (size_t) width : 1;
}

static enum vitlrp_status edits_open(const struct edit_list *list, struct edits *out,
                                     struct vitlrp_error *err) {
    struct vitlrp_model_info info;
    size_t floats = 0;
    vitlrp_model_info_init(&info);
    vitlrp_model_describe(out->model, &info);
    out->head = (size_t) (info.dim / info.heads);
    for (size_t i = 0; i < list->count; i++) {
        size_t more = edits_of(&list->items[i], out->model);
        if (!checked_add(&out->capacity, out->capacity, more)) {
            return fail(err, VITLRP_LIMIT, "more edits than memory can hold");
        }
    }
    out->items = mem_calloc(out->capacity, sizeof *out->items);
    out->constants = checked_mul(&floats, out->capacity, 2 * out->head)
                         ? mem_calloc(floats, sizeof *out->constants)
                         : NULL;
    return out->items != NULL && out->constants != NULL
               ? VITLRP_OK
               : fail(err, VITLRP_NOMEM, "out of memory for edits");
}

static void edits_close(struct edits *edits) {
    mem_free(edits->items);
    mem_free(edits->constants);
}

/* constants [head, 2] of the entry; one pair is of all outputs. */
static enum vitlrp_status fill_constants(const struct edit_entry *entry, size_t head, float *out,
                                         struct vitlrp_error *err) {
    size_t outputs = entry->unit.site == VITLRP_SITE_HEAD ? head : 1;
    if (entry->count != 1 && entry->count != outputs) {
        return fail(err, VITLRP_MISMATCH,
                    "an edit of block %d has constants for %zu outputs, and its unit has %zu",
                    entry->unit.block, entry->count, outputs);
    }
    for (size_t i = 0; i < outputs; i++) {
        memcpy(out + 2 * i, entry->constants + (entry->count == 1 ? 0 : 2 * i), 2 * sizeof *out);
    }
    return VITLRP_OK;
}

/* The index that has an entry's means. */
static enum vitlrp_status find_index(const struct edits *edits, const struct vitlrp_unit *unit,
                                     const struct vitlrp_concepts **out, struct vitlrp_error *err) {
    const char *site = word_of(WORDS_SITE, unit->site);
    TRY(unit_indexes_find(edits->indexes, unit->site, edits->model, out, err));
    if (*out != NULL) {
        return VITLRP_OK;
    }
    return fail(err, VITLRP_USAGE,
                "a mean of %s: there is no index of site %s (vitlrp concepts IMAGES --site %s -o "
                "FOLDER makes one, and " OPTION_CONCEPTS_NAME " FOLDER gives it)",
                site, site, site);
}

static enum vitlrp_status add_means(const struct edit_entry *entry, struct edits *edits,
                                    struct vitlrp_error *err) {
    const struct vitlrp_concepts *index = NULL;
    TRY(find_index(edits, &entry->unit, &index, err));
    size_t count = edits_of(entry, edits->model);
    for (size_t i = 0; i < count; i++) {
        struct vitlrp_unit unit = entry->unit;
        float *own = edits->constants + 2 * edits->head * edits->count;
        unit.index = unit.index < 0 ? (int32_t) i : unit.index;
        TRY(vitlrp_model_check_unit(edits->model, &unit, err));
        TRY(vitlrp_concepts_mean(index, &unit, own, err));
        edits->items[edits->count++] = (struct vitlrp_edit){.unit = unit, .constant = own};
    }
    return VITLRP_OK;
}

static enum vitlrp_status add_edit(const struct edit_entry *entry, struct edits *edits,
                                   struct vitlrp_error *err) {
    float *own = edits->constants + 2 * edits->head * edits->count;
    struct vitlrp_edit *edit = &edits->items[edits->count];
    if (entry->is_mean && entry->unit.site != VITLRP_SITE_STREAM) {
        return add_means(entry, edits, err);
    }
    *edit = (struct vitlrp_edit){.unit = entry->unit, .factor = entry->factor};
    if (entry->constants != NULL) {
        TRY(fill_constants(entry, edits->head, own, err));
        edit->constant = own;
    }
    edits->count++;
    return VITLRP_OK;
}

enum vitlrp_status edit_list_apply(const struct edit_list *list, const struct unit_indexes *indexes,
                                   const struct vitlrp_model *model, struct vitlrp_model **out,
                                   struct vitlrp_error *err) {
    struct edits edits = {.model = model, .indexes = indexes};
    enum vitlrp_status status = edits_open(list, &edits, err);
    for (size_t i = 0; i < list->count && status == VITLRP_OK; i++) {
        status = add_edit(&list->items[i], &edits, err);
    }
    if (status == VITLRP_OK) {
        status = vitlrp_model_with_edits(model, edits.items, edits.count, out, err);
    }
    edits_close(&edits);
    return error_prefix(err, status, OPTION_EDIT_NAME);
}
