/* The classes of a model. Refuses lists of another length than the model's, and words that name no
 * class or several. */
#include "api/labels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/label_words.h"
#include "base/ascii.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/text.h"

#define MAX_LABELS_FILE ((size_t) 16 << 20)
#define IMAGENET_CLASSES 1000

static int compare_indices(const void *left, const void *right) {
    int32_t a = *(const int32_t *) left;
    int32_t b = *(const int32_t *) right;
    return (a > b) - (a < b);
}

/* MISMATCH if an index occurs twice. */
static enum vitlrp_status check_distinct(const int32_t *indices, size_t count,
                                         struct vitlrp_error *err) {
    enum vitlrp_status status = VITLRP_OK;
    int32_t *sorted = mem_calloc(count, sizeof *sorted);
    if (sorted == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for class names");
    }
    memcpy(sorted, indices, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare_indices);
    for (size_t i = 1; i < count && status == VITLRP_OK; i++) {
        if (sorted[i] == sorted[i - 1]) {
            status = fail(err, VITLRP_MISMATCH, "\"class_index\" has %d twice", sorted[i]);
        }
    }
    mem_free(sorted);
    return status;
}

/* The indices of the outputs: the metadata's class_index, else the outputs' own numbers. */
static enum vitlrp_status read_indices(const json_t *array, int32_t *indices, size_t count,
                                       struct vitlrp_error *err) {
    for (size_t i = 0; array == NULL && i < count; i++) {
        indices[i] = (int32_t) i;
    }
    if (array == NULL) {
        return VITLRP_OK;
    }
    if (json_array_size(array) != count) {
        return fail(err, VITLRP_MISMATCH, "\"class_index\" has %zu entries for %zu classes",
                    json_array_size(array), count);
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(array, i);
        if (!json_is_integer(item) || json_integer_value(item) < 0 ||
            json_integer_value(item) > INT32_MAX) {
            return fail(err, VITLRP_MISMATCH, "\"class_index\" must be a list of indices");
        }
        indices[i] = (int32_t) json_integer_value(item);
    }
    return check_distinct(indices, count, err);
}

/* The bytes of a list. */
static enum vitlrp_status read_list(const struct label_list *list, struct bytes *out,
                                    struct vitlrp_error *err) {
    if (list->path != NULL) {
        return file_read(list->path, MAX_LABELS_FILE, out, err);
    }
    size_t size = strlen(list->text);
    if (size > MAX_LABELS_FILE) {
        return fail(err, VITLRP_LIMIT, "labels: %zu bytes are more than %zu", size,
                    MAX_LABELS_FILE);
    }
    *out = (struct bytes){.data = mem_calloc(size + 1, 1), .size = size};
    if (out->data == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for class names");
    }
    memcpy(out->data, list->text, size);
    return VITLRP_OK;
}

/* Names from a list: line by line where the lists are as long and it has no indices, else by index.
 * A model of some classes may be named by the list of all. */
static enum vitlrp_status from_list(const struct label_list *list, const int32_t *indices,
                                    size_t count, struct labels *labels, struct vitlrp_error *err) {
    struct class_table table = {0};
    struct class_table *out = &labels->classes;
    bool subset = labels->subset;
    enum vitlrp_status status = VITLRP_OK;
    TRY(read_list(list, &labels->file, err));
    TRY_GOTO(status,
             class_table_parse((const char *) labels->file.data, labels->file.size, &table, err),
             cleanup);
    if (table.count < count || (!subset && table.count > count)) {
        status =
            fail(err, VITLRP_MISMATCH, "lists %zu classes, the model has %zu", table.count, count);
    }
    bool by_output = !table.indexed && table.count == count;
    for (size_t i = 0; i < count && status == VITLRP_OK; i++) {
        const struct class_entry *entry =
            by_output ? &table.items[i] : class_table_find(&table, indices[i]);
        status = entry == NULL ? fail(err, VITLRP_MISMATCH, "has no class %d, which the model has",
                                      indices[i])
                               : class_table_add(out, indices[i], entry->wnid, entry->name, err);
    }

cleanup:
    class_table_free(&table);
    return error_prefix(err, status, list->path != NULL ? list->path : "labels");
}

static bool begins_with(const char *string, const char *prefix) {
    return string != NULL && strncmp(string, prefix, strlen(prefix)) == 0;
}

static const struct class_entry *find_wnid(const struct class_table *table, const char *wnid) {
    for (size_t i = 0; i < table->count; i++) {
        if (strcmp(table->items[i].wnid, wnid) == 0) {
            return &table->items[i];
        }
    }
    return NULL;
}

/* The class of a name of the model's own. A WordNet id is one, and no name for people. */
static enum vitlrp_status add_named(struct class_table *out, int32_t index, const char *own,
                                    const char *description, const struct class_table *imagenet,
                                    struct vitlrp_error *err) {
    if (label_kind_of(own) != LABEL_WNID) {
        return class_table_add(out, index, "", own, err);
    }
    const struct class_entry *known = find_wnid(imagenet, own);
    const char *name = description != NULL ? description : known != NULL ? known->name : own;
    return class_table_add(out, index, own, name, err);
}

/* The names beside the weights. A list of another length than the model's outputs is none. */
static struct label_words own_words(const struct vit_model *model, const struct vitlrp_log *log) {
    struct label_words words = label_words_of(model->config_json);
    size_t classes = (size_t) model->config.classes;
    if (json_is_array(words.names) && json_array_size(words.names) != classes) {
        log_message(log, LOG_LEVEL_WARNING,
                    "%s: \"%s\" of config.json has %zu names, the model has %zu classes: not used",
                    model->name, words.key, json_array_size(words.names), classes);
        words = (struct label_words){0};
    }
    return words;
}

/* Names from the model's own words and ImageNet's list, which is meant if its ends are found. */
static enum vitlrp_status from_model(const struct vit_model *model, const struct vitlrp_log *log,
                                     const int32_t *indices, struct labels *labels,
                                     struct vitlrp_error *err) {
    size_t count = (size_t) model->config.classes;
    const struct class_table *imagenet = &labels->imagenet;
    bool classes = model->outputs == VITLRP_OUTPUTS_CLASSES;
    const char *unnamed = model->outputs == VITLRP_OUTPUTS_LIKENESS ? "likeness" : "";
    struct label_words words = {0};
    if (classes && !model->head_given) {
        words = own_words(model, log);
    }
    bool is_imagenet =
        classes && (labels->subset || (count == IMAGENET_CLASSES &&
                                       (words.names == NULL ||
                                        (begins_with(label_words_name(&words, 0), "tench") &&
                                         begins_with(label_words_name(&words, 999), "toilet t")))));
    for (size_t i = 0; i < count; i++) {
        const struct class_entry *known =
            is_imagenet && indices[i] < IMAGENET_CLASSES ? &imagenet->items[indices[i]] : NULL;
        const char *own = label_words_name(&words, i);
        if (own != NULL && known == NULL) {
            const char *description = label_words_description(&words, own);
            TRY(add_named(&labels->classes, indices[i], own, description, imagenet, err));
            continue;
        }
        const char *name = own != NULL ? own : known != NULL ? known->name : unnamed;
        TRY(class_table_add(&labels->classes, indices[i], known != NULL ? known->wnid : "", name,
                            err));
    }
    return VITLRP_OK;
}

/* Of texts, which are no classes of a list that one might know. */
static enum vitlrp_status from_names(const char *const *names, size_t count,
                                     struct class_table *out, struct vitlrp_error *err) {
    for (size_t i = 0; i < count; i++) {
        const char *name = names == NULL ? NULL : names[i];
        TRY(class_table_add(out, (int32_t) i, "", name == NULL ? "" : name, err));
    }
    return VITLRP_OK;
}

/* Whether the class of an output is called like the number of another one. */
static bool is_called_like_another(const struct labels *labels, size_t output) {
    const struct class_entry *entry = &labels->classes.items[output];
    int64_t number = -1;
    return parse_int64(entry->name, 0, INT32_MAX, &number) && (size_t) number != output &&
           (size_t) number < labels->classes.count;
}

/* Says, once a model, what a word means that is the name of one class and the number of another. */
static void tell_numbers(const struct labels *labels, const char *model,
                         const struct vitlrp_log *log) {
    for (size_t i = 0; !labels->subset && i < labels->classes.count; i++) {
        if (is_called_like_another(labels, i)) {
            log_message(log, LOG_LEVEL_WARNING,
                        "%s: class %zu is called \"%s\", which is another's index: where a word is "
                        "both, it means the name",
                        model, i, labels->classes.items[i].name);
            return;
        }
    }
}

enum vitlrp_status labels_open(const struct vit_model *model, const struct label_list *list,
                               const struct vitlrp_log *log, struct labels **out,
                               struct vitlrp_error *err) {
    size_t count = (size_t) model->config.classes;
    const json_t *class_index = model->head_given || model->outputs != VITLRP_OUTPUTS_CLASSES
                                    ? NULL
                                    : json_object_get(model->metadata, "class_index");
    int32_t *indices = mem_calloc(count, sizeof *indices);
    struct labels *labels = mem_calloc(1, sizeof *labels);
    enum vitlrp_status status = VITLRP_OK;
    if (labels != NULL) {
        atomic_init(&labels->holders, 1);
    }
    if (labels == NULL || indices == NULL) {
        status = fail(err, VITLRP_NOMEM, "out of memory for class names");
        goto cleanup;
    }
    labels->subset = class_index != NULL;
    TRY_GOTO(status, class_table_imagenet(&labels->imagenet, err), cleanup);
    status = error_prefix(err, read_indices(class_index, indices, count, err), model->name);
    if (status == VITLRP_OK && (list->path != NULL || list->text != NULL)) {
        status = from_list(list, indices, count, labels, err);
    } else if (status == VITLRP_OK && model->kind == VITLRP_MODEL_PROMPTS) {
        status = from_names(list->names, count, &labels->classes, err);
    } else if (status == VITLRP_OK) {
        status = from_model(model, log, indices, labels, err);
    }
    if (status == VITLRP_OK) {
        tell_numbers(labels, model->name, log);
        *out = labels;
        labels = NULL;
    }

cleanup:
    mem_free(indices);
    labels_free(labels);
    return status;
}

struct labels *labels_hold(struct labels *labels) {
    atomic_fetch_add(&labels->holders, 1);
    return labels;
}

void labels_free(struct labels *labels) {
    if (labels != NULL && atomic_fetch_sub(&labels->holders, 1) == 1) {
        class_table_free(&labels->classes);
        class_table_free(&labels->imagenet);
        bytes_free(&labels->file);
        mem_free(labels);
    }
}

/* True if text (of `length`), case ignored, begins with the prefix. */
static bool has_prefix(const char *text, size_t length, const char *prefix) {
    for (size_t i = 0; prefix[i] != '\0'; i++) {
        if (i == length ||
            ascii_lower((unsigned char) text[i]) != ascii_lower((unsigned char) prefix[i])) {
            return false;
        }
    }
    return true;
}

enum match { MATCH_NONE, MATCH_INSIDE, MATCH_PREFIX, MATCH_WHOLE };

static enum match match_part(const char *part, size_t length, const char *text) {
    size_t wanted = strlen(text);
    if (has_prefix(part, length, text)) {
        return wanted == length ? MATCH_WHOLE : MATCH_PREFIX;
    }
    for (size_t i = 1; i < length; i++) {
        if (part[i - 1] == ' ' && has_prefix(part + i, length - i, text)) {
            return MATCH_INSIDE;
        }
    }
    return MATCH_NONE;
}

bool label_next_part(const char **part, size_t *length) {
    const char *next = *part;
    next += strspn(next, ", ");
    *part = next;
    *length = strcspn(next, ",");
    return *length > 0;
}

/* How well a text names a class: against the whole name and each part between its commas. */
static enum match match_name(const char *name, const char *text) {
    enum match best = match_part(name, strlen(name), text);
    const char *part = name;
    size_t length;
    while (label_next_part(&part, &length)) {
        enum match match = match_part(part, length, text);
        best = match > best ? match : best;
        part += length;
    }
    return best;
}

/* The classes that a text names equally well. */
struct matches {
    enum match quality;
    size_t count;
    size_t first;
    struct text list; /* "281 'tabby'" and so on, of the first few */
};

#define LISTED 5

static void find_matches(const struct class_table *table, const char *text, struct matches *out) {
    for (size_t i = 0; i < table->count; i++) {
        const struct class_entry *entry = &table->items[i];
        enum match quality = match_name(entry->name, text);
        if (quality == MATCH_NONE || quality < out->quality) {
            continue;
        }
        if (quality > out->quality) {
            text_free(&out->list);
            out->quality = quality;
            out->count = 0;
            out->first = i;
        }
        if (out->count < LISTED) {
            text_printf(&out->list, "%s%d '%.40s'", out->count == 0 ? "" : ", ", entry->index,
                        entry->name);
        } else if (out->count == LISTED) {
            text_append_string(&out->list, ", ...");
        }
        out->count++;
    }
}

/* Says of a class that exists elsewhere in ImageNet that this model does not have it. */
static enum vitlrp_status fail_lacking(const struct labels *labels, const struct class_entry *entry,
                                       struct vitlrp_error *err) {
    enum vitlrp_status status =
        fail(err, VITLRP_USAGE,
             "class %d '%s' (%s) is not among the %zu classes of ImageNet that this model knows",
             entry->index, entry->name, entry->wnid, labels->classes.count);
    return error_topic(err, status, VITLRP_TOPIC_CLASSES);
}

static enum vitlrp_status fail_out_of_range(const struct labels *labels, const char *text,
                                            struct vitlrp_error *err) {
    const struct class_table *classes = &labels->classes;
    char escaped[64];
    text_escape_name(escaped, sizeof escaped, text);
    if (!labels->subset) {
        return fail(err, VITLRP_USAGE, "class %s is out of range: this model has classes 0 to %zu",
                    escaped, classes->count - 1);
    }
    int32_t lowest = classes->items[0].index;
    int32_t highest = lowest;
    for (size_t i = 1; i < classes->count; i++) {
        lowest = classes->items[i].index < lowest ? classes->items[i].index : lowest;
        highest = classes->items[i].index > highest ? classes->items[i].index : highest;
    }
    enum vitlrp_status status =
        fail(err, VITLRP_USAGE,
             "class %s is out of range: this model has %zu classes with indices from %d to %d",
             escaped, classes->count, lowest, highest);
    return error_topic(err, status, VITLRP_TOPIC_CLASSES);
}

static enum vitlrp_status find_index(const struct labels *labels, const char *text, size_t *output,
                                     struct vitlrp_error *err) {
    const struct class_table *classes = &labels->classes;
    int64_t index = -1;
    if (!parse_int64(text, 0, INT32_MAX, &index)) {
        return fail_out_of_range(labels, text, err);
    }
    for (size_t i = 0; i < classes->count; i++) {
        if (classes->items[i].index == index) {
            *output = i;
            return VITLRP_OK;
        }
    }
    const struct class_entry *elsewhere =
        labels->subset ? class_table_find(&labels->imagenet, (int32_t) index) : NULL;
    return elsewhere != NULL ? fail_lacking(labels, elsewhere, err)
                             : fail_out_of_range(labels, text, err);
}

enum label_kind label_kind_of(const char *text) {
    static const char DIGITS[] = "0123456789";
    const char *digits = text + (*text == '-');
    if (*digits != '\0' && strspn(digits, DIGITS) == strlen(digits)) {
        return LABEL_NUMBER;
    }
    bool is_wnid = text[0] == 'n' && strspn(text + 1, DIGITS) == 8 && text[9] == '\0';
    return is_wnid ? LABEL_WNID : LABEL_NAME;
}

static enum vitlrp_status fail_unnamed(const struct labels *labels, const char *text,
                                       const struct matches *matches, struct vitlrp_error *err) {
    char escaped[64];
    text_escape_name(escaped, sizeof escaped, text);
    if (matches->quality == MATCH_WHOLE) {
        return fail(err, VITLRP_USAGE, "'%s' names %zu classes, %s: give the index", escaped,
                    matches->count, matches->list.data);
    }
    const struct class_entry *elsewhere = NULL;
    for (size_t i = 0; labels->subset && elsewhere == NULL && i < labels->imagenet.count; i++) {
        if (match_name(labels->imagenet.items[i].name, text) == MATCH_WHOLE) {
            elsewhere = &labels->imagenet.items[i];
        }
    }
    if (elsewhere != NULL) {
        return fail_lacking(labels, elsewhere, err);
    }
    if (matches->count > 0) {
        return fail(err, VITLRP_USAGE, "no class is called '%s'; did you mean %s%s?", escaped,
                    matches->count > 1 ? "one of " : "", matches->list.data);
    }
    enum vitlrp_status status =
        fail(err, VITLRP_USAGE, "no class is called '%s'; give an index, a WordNet id or a label",
             escaped);
    return error_topic(err, status, VITLRP_TOPIC_CLASSES);
}

/* The one class that has the text as its whole name, or as a part of it between commas. */
static bool find_whole_name(const struct class_table *classes, const char *text, size_t *output) {
    size_t found = 0;
    for (size_t i = 0; i < classes->count; i++) {
        if (match_name(classes->items[i].name, text) == MATCH_WHOLE) {
            *output = i;
            found++;
        }
    }
    return found == 1;
}

enum vitlrp_status labels_find(const struct labels *labels, const char *text, size_t *output,
                               struct vitlrp_error *err) {
    enum label_kind kind = label_kind_of(text);
    if (kind != LABEL_NAME && find_whole_name(&labels->classes, text, output)) {
        return VITLRP_OK;
    }
    if (kind == LABEL_NUMBER) {
        return find_index(labels, text, output, err);
    }
    if (kind == LABEL_WNID) {
        const struct class_entry *entry = find_wnid(&labels->classes, text);
        if (entry != NULL) {
            *output = (size_t) (entry - labels->classes.items);
            return VITLRP_OK;
        }
        entry = find_wnid(&labels->imagenet, text);
        return labels->subset && entry != NULL
                   ? fail_lacking(labels, entry, err)
                   : fail(err, VITLRP_USAGE, "no class has the WordNet id %s", text);
    }
    if (*text == '\0') {
        return fail(err, VITLRP_USAGE,
                    "the class is empty; give an index, a WordNet id or a label");
    }
    struct matches matches = {.list = {.limit = 512}};
    enum vitlrp_status status = VITLRP_OK;
    find_matches(&labels->classes, text, &matches);
    if (matches.quality == MATCH_WHOLE && matches.count == 1) {
        *output = matches.first;
    } else if (matches.count > 0 && matches.list.data == NULL) {
        status = fail(err, VITLRP_NOMEM, "out of memory for class names");
    } else {
        status = fail_unnamed(labels, text, &matches, err);
    }
    text_free(&matches.list);
    return status;
}
