/* Sorted keys of the classes: whole names and the parts between their commas, WordNet ids, and the
 * indices that users know. Refuses nothing: what it does not find has no label. */
#include "api/label_index.h"

#include <stdlib.h>
#include <string.h>

#include "base/ascii.h"
#include "base/mem.h"
#include "base/parse.h"

struct key {
    const char *text; /* of the labels */
    uint32_t length;
    int32_t output;
};

struct numbered {
    int32_t index, output;
};

struct label_index {
    struct key *names; /* owned, as the others */
    struct key *wnids;
    struct numbered *numbers;
    size_t name_count, class_count;
};

/* By bytes with the case of letters ignored, then by length: 0 for what labels_find takes for the
 * same name. */
static int compare_texts(const struct key *a, const struct key *b) {
    uint32_t shared = a->length < b->length ? a->length : b->length;
    for (uint32_t i = 0; i < shared; i++) {
        unsigned char left = ascii_lower((unsigned char) a->text[i]);
        unsigned char right = ascii_lower((unsigned char) b->text[i]);
        if (left != right) {
            return left < right ? -1 : 1;
        }
    }
    return (a->length > b->length) - (a->length < b->length);
}

static int compare_keys(const void *left, const void *right) {
    const struct key *a = left;
    const struct key *b = right;
    int order = compare_texts(a, b);
    return order != 0 ? order : (a->output > b->output) - (a->output < b->output);
}

static int compare_numbers(const void *left, const void *right) {
    const struct numbered *a = left;
    const struct numbered *b = right;
    return (a->index > b->index) - (a->index < b->index);
}

static struct key key_of(const char *text, size_t length, int32_t output) {
    return (struct key){.text = text, .length = (uint32_t) length, .output = output};
}

/* The keys of a class's name, to `keys` unless that is NULL; returns their number. */
static size_t name_keys(const char *name, int32_t output, struct key *keys) {
    size_t count = 0;
    const char *part = name;
    size_t length;
    if (keys != NULL) {
        keys[count] = key_of(name, strlen(name), output);
    }
    count++;
    while (label_next_part(&part, &length)) {
        if (keys != NULL) {
            keys[count] = key_of(part, length, output);
        }
        count++;
        part += length;
    }
    return count;
}

static void fill(struct label_index *index, const struct class_table *classes) {
    size_t count = 0;
    for (size_t i = 0; i < classes->count; i++) {
        const struct class_entry *entry = &classes->items[i];
        int32_t output = (int32_t) i;
        count += name_keys(entry->name, output, index->names + count);
        index->wnids[i] = key_of(entry->wnid, strlen(entry->wnid), output);
        index->numbers[i] = (struct numbered){entry->index, output};
    }
    qsort(index->names, count, sizeof *index->names, compare_keys);
    qsort(index->wnids, classes->count, sizeof *index->wnids, compare_keys);
    qsort(index->numbers, classes->count, sizeof *index->numbers, compare_numbers);
}

enum vitlrp_status label_index_open(const struct labels *labels, struct label_index **out,
                                    struct vitlrp_error *err) {
    const struct class_table *classes = &labels->classes;
    struct label_index *index = mem_calloc(1, sizeof *index);
    if (index == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for class names");
    }
    for (size_t i = 0; i < classes->count; i++) {
        index->name_count += name_keys(classes->items[i].name, (int32_t) i, NULL);
    }
    index->class_count = classes->count;
    index->names = mem_calloc(index->name_count, sizeof *index->names);
    index->wnids = mem_calloc(index->class_count, sizeof *index->wnids);
    index->numbers = mem_calloc(index->class_count, sizeof *index->numbers);
    if (index->names == NULL || index->wnids == NULL || index->numbers == NULL) {
        label_index_close(index);
        return fail(err, VITLRP_NOMEM, "out of memory for class names");
    }
    fill(index, classes);
    *out = index;
    return VITLRP_OK;
}

/* The place of the first key that is not below the text. */
static size_t lower_bound(const struct key *keys, size_t count, const struct key *text) {
    size_t begin = 0;
    while (begin < count) {
        size_t middle = begin + (count - begin) / 2;
        if (compare_texts(&keys[middle], text) < 0) {
            begin = middle + 1;
        } else {
            count = middle;
        }
    }
    return begin;
}

static int32_t find_number(const struct label_index *index, const char *text) {
    int64_t wanted = -1;
    if (!parse_int64(text, 0, INT32_MAX, &wanted)) {
        return -1;
    }
    const struct numbered key = {.index = (int32_t) wanted};
    const struct numbered *found =
        bsearch(&key, index->numbers, index->class_count, sizeof key, compare_numbers);
    return found != NULL ? found->output : -1;
}

/* A name that two classes have names none. Equal keys stand in the order of their outputs. */
static int32_t find_name(const struct label_index *index, const struct key *text) {
    size_t place = lower_bound(index->names, index->name_count, text);
    int32_t output = -1;
    for (; place < index->name_count && compare_texts(&index->names[place], text) == 0; place++) {
        if (output >= 0 && index->names[place].output != output) {
            return -1;
        }
        output = index->names[place].output;
    }
    return output;
}

static int32_t find_wnid(const struct label_index *index, const struct key *text) {
    size_t place = lower_bound(index->wnids, index->class_count, text);
    for (; place < index->class_count && compare_texts(&index->wnids[place], text) == 0; place++) {
        if (strcmp(index->wnids[place].text, text->text) == 0) {
            return index->wnids[place].output;
        }
    }
    return -1;
}

int32_t label_index_find(const struct label_index *index, const char *text) {
    struct key key = key_of(text, strlen(text), 0);
    if (strlen(text) > UINT32_MAX || *text == '\0') {
        return -1;
    }
    int32_t output = find_name(index, &key);
    if (output >= 0) {
        return output;
    }
    switch (label_kind_of(text)) {
    case LABEL_NUMBER:
        return find_number(index, text);
    case LABEL_WNID:
        return find_wnid(index, &key);
    case LABEL_NAME:
        break;
    }
    return -1;
}

void label_index_close(struct label_index *index) {
    if (index != NULL) {
        mem_free(index->names);
        mem_free(index->wnids);
        mem_free(index->numbers);
        mem_free(index);
    }
}
