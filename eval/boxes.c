#include "eval/boxes.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/ascii.h"
#include "base/mem.h"
#include "base/parse.h"
#include "eval/row_reader.h"

#define FILE_LIMIT ((size_t) 1 << 30)
#define ROW_LIMIT ((size_t) 10000000)
#define COORDINATE_MAX 1e6

struct box_entry {
    const char *name;
    struct eval_box box;
    size_t line; /* boxes of one image stay in the file's order */
};

/* Which fields hold what. */
struct columns {
    size_t name;
    size_t side[4]; /* xmin, ymin, xmax, ymax */
    bool named;     /* by a header */
};

static bool is_number(const char *text) {
    double number;
    return parse_double(text, -COORDINATE_MAX, COORDINATE_MAX, &number);
}

static bool is_one_of(const char *text, const char *const *names) {
    for (size_t i = 0; names[i] != NULL; i++) {
        if (ascii_equal(text, names[i])) {
            return true;
        }
    }
    return false;
}

/* The columns that a header names; false if the row is none. */
static bool read_header(const struct row *row, struct columns *columns) {
    static const char *const NAMES[] = {"path",     "image", "file",    "filename",
                                        "image_id", "name",  "ImageId", NULL};
    static const char *const SIDES[4] = {"xmin", "ymin", "xmax", "ymax"};
    unsigned found = 0;
    for (size_t i = 0; i < row->count; i++) {
        for (size_t side = 0; side < 4; side++) {
            if (ascii_equal(row->field[i], SIDES[side])) {
                columns->side[side] = i;
                found |= 1U << side;
            }
        }
        if (is_one_of(row->field[i], NAMES)) {
            columns->name = i;
            found |= 1U << 4;
        }
    }
    columns->named = found == 0x1FU;
    return columns->named;
}

/* The columns of a file without a header, from its first row. */
static void guess_columns(const struct row *row, struct columns *columns) {
    size_t side = 0;
    columns->name = 0;
    for (size_t i = 1; i < row->count && side < 4; i++) {
        if (is_number(row->field[i])) {
            columns->side[side++] = i;
        }
    }
    while (side < 4) {
        columns->side[side++] = ROW_FIELDS;
    }
}

/* Without a header nobody knows which four of more numbers are the box: one may be a class, and one
 * a score. */
static enum vitlrp_status check_numbers(const struct row *row, const struct columns *columns,
                                        struct vitlrp_error *err) {
    size_t numbers = 0;
    for (size_t i = 1; i < row->count && !columns->named; i++) {
        numbers += is_number(row->field[i]) ? 1 : 0;
    }
    return numbers <= 4 ? VITLRP_OK
                        : fail(err, VITLRP_FORMAT,
                               "line %zu: %zu numbers, and a box has four: begin the file with a "
                               "header that names their columns, as path,xmin,ymin,xmax,ymax",
                               row->line, numbers);
}

static enum vitlrp_status read_box(const struct row *row, const struct columns *columns,
                                   struct box_entry *entry, struct vitlrp_error *err) {
    double side[4];
    TRY(check_numbers(row, columns, err));
    for (size_t i = 0; i < 4; i++) {
        size_t column = columns->side[i];
        if (column >= row->count || columns->name >= row->count ||
            !parse_double(row->field[column], -COORDINATE_MAX, COORDINATE_MAX, &side[i])) {
            return fail(err, VITLRP_FORMAT,
                        "line %zu: a file name and four numbers are needed: xmin, ymin, xmax, ymax",
                        row->line);
        }
    }
    if (side[2] < side[0] || side[3] < side[1]) {
        return fail(err, VITLRP_FORMAT, "line %zu: the box ends before it begins", row->line);
    }
    *entry = (struct box_entry){
        .name = row->field[columns->name],
        .box = {.left = side[0], .top = side[1], .right = side[2] + 1, .bottom = side[3] + 1},
        .line = row->line,
    };
    return VITLRP_OK;
}

static enum vitlrp_status add_box(struct box_list *list, size_t *capacity,
                                  const struct box_entry *entry, struct vitlrp_error *err) {
    if (list->count >= ROW_LIMIT) {
        return fail(err, VITLRP_LIMIT, "has more than %zu rows", ROW_LIMIT);
    }
    if (list->count == *capacity) {
        size_t grown = *capacity == 0 ? 256 : *capacity * 2;
        struct box_entry *entries = mem_resize(list->entries, grown, sizeof *entries);
        if (entries == NULL) {
            return fail(err, VITLRP_NOMEM, "out of memory for %zu boxes", grown);
        }
        list->entries = entries;
        *capacity = grown;
    }
    list->entries[list->count++] = *entry;
    return VITLRP_OK;
}

static enum vitlrp_status read_rows(struct row_reader *reader, struct box_list *list,
                                    struct vitlrp_error *err) {
    struct row row;
    struct columns columns = {0};
    struct box_entry entry;
    size_t capacity = 0;
    bool first = true;
    while (rows_next(reader, &row)) {
        bool is_header = first && read_header(&row, &columns);
        if (first && !is_header) {
            guess_columns(&row, &columns);
        }
        first = false;
        if (!is_header) {
            TRY(read_box(&row, &columns, &entry, err));
            TRY(add_box(list, &capacity, &entry, err));
        }
    }
    return VITLRP_OK;
}

static int compare_entries(const void *left, const void *right) {
    const struct box_entry *a = left;
    const struct box_entry *b = right;
    int order = strcmp(a->name, b->name);
    return order != 0 ? order : (a->line > b->line) - (a->line < b->line);
}

static enum vitlrp_status sort_boxes(struct box_list *list, struct vitlrp_error *err) {
    if (list->count == 0) {
        return fail(err, VITLRP_FORMAT, "has no boxes");
    }
    qsort(list->entries, list->count, sizeof *list->entries, compare_entries);
    list->boxes = mem_calloc(list->count, sizeof *list->boxes);
    if (list->boxes == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for %zu boxes", list->count);
    }
    for (size_t i = 0; i < list->count; i++) {
        list->boxes[i] = list->entries[i].box;
    }
    return VITLRP_OK;
}

enum vitlrp_status boxes_open(const char *path, struct box_list *out, struct vitlrp_error *err) {
    struct row_reader reader = {0};
    struct box_list list = {0};
    TRY(rows_open(path, FILE_LIMIT, ",\t ", &reader, err));
    enum vitlrp_status status = read_rows(&reader, &list, err);
    if (status == VITLRP_OK) {
        status = sort_boxes(&list, err);
    }
    list.text = reader.text; /* the names are in it */
    memcpy(list.sha256, reader.sha256, sizeof list.sha256);
    if (status != VITLRP_OK) {
        boxes_close(&list);
        return error_prefix(err, status, path);
    }
    *out = list;
    return VITLRP_OK;
}

/* The first entry of that name, or the place where it would stand. */
static size_t lower_bound(const struct box_list *list, const char *name) {
    size_t begin = 0;
    size_t end = list->count;
    while (begin < end) {
        size_t middle = begin + (end - begin) / 2;
        if (strcmp(list->entries[middle].name, name) < 0) {
            begin = middle + 1;
        } else {
            end = middle;
        }
    }
    return begin;
}

static const struct eval_box *find_name(const struct box_list *list, const char *name,
                                        size_t *count) {
    size_t begin = lower_bound(list, name);
    size_t end = begin;
    while (end < list->count && strcmp(list->entries[end].name, name) == 0) {
        end++;
    }
    *count = end - begin;
    return end > begin ? &list->boxes[begin] : NULL;
}

const struct eval_box *boxes_find(const struct box_list *list, const char *id, size_t *count) {
    const char *slash = strrchr(id, '/');
    const struct eval_box *found = find_name(list, id, count);
    return found == NULL && slash != NULL ? find_name(list, slash + 1, count) : found;
}

void boxes_close(struct box_list *list) {
    mem_free(list->entries);
    mem_free(list->boxes);
    mem_free(list->text);
    *list = (struct box_list){0};
}
