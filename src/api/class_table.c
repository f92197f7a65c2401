/* Parsing of class lists. Refuses lines that are neither names nor rows of the table. */
#include "api/class_table.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/parse.h"
#include "base/text.h"

#define MAX_CLASSES ((size_t) 100000)
#define MAX_LINE ((size_t) 1000)

/* From imagenet.S. */
extern const char imagenet_classes[];
extern const uint64_t imagenet_classes_size;

static enum vitlrp_status copy_escaped(const char *string, char **out, struct vitlrp_error *err) {
    char escaped[4 * MAX_LINE + 1];
    text_escape_name(escaped, sizeof escaped, string);
    *out = mem_strdup(escaped);
    return *out != NULL ? VITLRP_OK : fail(err, VITLRP_NOMEM, "out of memory for class names");
}

static enum vitlrp_status table_grow(struct class_table *table, struct vitlrp_error *err) {
    /* Doubles whenever the count is a power of two, so that no capacity needs to be kept. */
    size_t count = table->count;
    if ((count & (count - 1)) != 0) {
        return VITLRP_OK;
    }
    size_t capacity = count == 0 ? 1 : 2 * count;
    struct class_entry *items = mem_resize(table->items, capacity, sizeof *items);
    if (items == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for class names");
    }
    table->items = items;
    return VITLRP_OK;
}

enum vitlrp_status class_table_add(struct class_table *table, int32_t index, const char *wnid,
                                   const char *name, struct vitlrp_error *err) {
    if (table->count == MAX_CLASSES) {
        return fail(err, VITLRP_LIMIT, "has more than %zu classes", MAX_CLASSES);
    }
    TRY(table_grow(table, err));
    struct class_entry *entry = &table->items[table->count];
    *entry = (struct class_entry){.index = index};
    table->count++;
    TRY(copy_escaped(wnid, &entry->wnid, err));
    return copy_escaped(name, &entry->name, err);
}

/* Splits a row in place. */
static bool split_row(char *line, char *fields[3]) {
    for (size_t i = 0; i < 3; i++) {
        fields[i] = line;
        char *tab = strchr(line, '\t');
        if (i < 2 && tab == NULL) {
            return false;
        }
        if (tab != NULL && i < 2) {
            *tab = '\0';
            line = tab + 1;
        }
    }
    return strchr(fields[2], '\t') == NULL;
}

static enum vitlrp_status add_line(struct class_table *table, char *line, size_t number,
                                   struct vitlrp_error *err) {
    char *fields[3];
    int64_t index = 0;
    if (number == 1) {
        table->indexed = strchr(line, '\t') != NULL;
    }
    if (!table->indexed) {
        return class_table_add(table, (int32_t) table->count, "", line, err);
    }
    if (!split_row(line, fields)) {
        return fail(err, VITLRP_FORMAT, "line %zu is not index<TAB>wnid<TAB>name", number);
    }
    if (!parse_int64(fields[0], 0, INT32_MAX, &index)) {
        if (number == 1) {
            return VITLRP_OK; /* the header */
        }
        return fail(err, VITLRP_FORMAT, "line %zu does not begin with the index of a class",
                    number);
    }
    return class_table_add(table, (int32_t) index, fields[1], fields[2], err);
}

/* One line, without its end, to `line` (MAX_LINE + 1 bytes); *position moves on to the next. */
static enum vitlrp_status take_line(const char *text, size_t size, size_t *position, size_t number,
                                    char *line, struct vitlrp_error *err) {
    const char *start = text + *position;
    size_t left = size - *position;
    const char *newline = memchr(start, '\n', left);
    size_t length = newline == NULL ? left : (size_t) (newline - start);
    *position += length + (newline != NULL);
    if (length > 0 && start[length - 1] == '\r') {
        length--;
    }
    if (length > MAX_LINE) {
        return fail(err, VITLRP_LIMIT, "line %zu is longer than %zu bytes", number, MAX_LINE);
    }
    if (memchr(start, '\0', length) != NULL) {
        return fail(err, VITLRP_FORMAT, "line %zu has a NUL byte: not a text file", number);
    }
    memcpy(line, start, length);
    line[length] = '\0';
    return VITLRP_OK;
}

static size_t without_blank_end(const char *text, size_t size) {
    while (size > 0 && (text[size - 1] == '\n' || text[size - 1] == '\r')) {
        size--;
    }
    return size;
}

static int compare_entries(const void *left, const void *right) {
    const struct class_entry *a = left;
    const struct class_entry *b = right;
    return (a->index > b->index) - (a->index < b->index);
}

enum vitlrp_status class_table_parse(const char *text, size_t size, struct class_table *out,
                                     struct vitlrp_error *err) {
    char line[MAX_LINE + 1];
    size_t position = size >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    *out = (struct class_table){0};
    size = without_blank_end(text, size);
    for (size_t number = 1; position < size; number++) {
        TRY(take_line(text, size, &position, number, line, err));
        TRY(add_line(out, line, number, err));
    }
    if (out->count == 0) {
        return fail(err, VITLRP_FORMAT, "has no classes");
    }
    qsort(out->items, out->count, sizeof *out->items, compare_entries);
    for (size_t i = 1; i < out->count; i++) {
        if (out->items[i].index == out->items[i - 1].index) {
            return fail(err, VITLRP_FORMAT, "lists class %d twice", out->items[i].index);
        }
    }
    return VITLRP_OK;
}

enum vitlrp_status class_table_imagenet(struct class_table *out, struct vitlrp_error *err) {
    return class_table_parse(imagenet_classes, (size_t) imagenet_classes_size, out, err);
}

const struct class_entry *class_table_find(const struct class_table *table, int32_t index) {
    struct class_entry key = {.index = index};
    return bsearch(&key, table->items, table->count, sizeof key, compare_entries);
}

void class_table_free(struct class_table *table) {
    for (size_t i = 0; i < table->count; i++) {
        mem_free(table->items[i].wnid);
        mem_free(table->items[i].name);
    }
    mem_free(table->items);
    *table = (struct class_table){0};
}
