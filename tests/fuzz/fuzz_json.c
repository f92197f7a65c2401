/* Text: JSON, lists of files, labels, boxes and classes. The last byte says as which of them the
 * others are read. Records of evaluations and what stands beside weights, which cost more, are
 * targets of their own (fuzz_record.c, fuzz_facts.c). */
#include <string.h>

#include "api/class_table.h"
#include "base/json.h"
#include "eval/dataset.h"
#include "fuzz/fuzz.h"
#include "vitlrp_eval.h"

/* What jansson alone makes of it, but for the zero bytes that it passes over: NULL for anything but
 * an object. */
static json_t *read_alone(const struct fuzz_input *input) {
    json_t *value =
        json_loadb((const char *) input->data, input->size, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_object(value) && memchr(input->data, 0, input->size) == NULL) {
        return value;
    }
    json_decref(value);
    return NULL;
}

static void read_json(const struct fuzz_input *input) {
    json_t *object = NULL;
    struct vitlrp_error err;
    struct text text = {.limit = (size_t) 1 << 24};
    enum vitlrp_status status =
        json_parse_object((const char *) input->data, input->size, &object, &err);
    if (status == VITLRP_LIMIT) {
        fuzz_check_failure(status, &err);
        return;
    }
    json_t *alone = read_alone(input);
    fuzz_check((status == VITLRP_OK) == (alone != NULL) &&
                   (alone == NULL || json_equal(object, alone)),
               "jansson and base/json_build do not agree");
    json_decref(alone);
    if (status != VITLRP_OK) {
        fuzz_check_failure(status, &err);
        fuzz_check(status != VITLRP_NOMEM, err.message);
        return;
    }
    json_append(&text, object, 1);
    fuzz_check(text.failed || text_is_utf8(text.data, text.length), "JSON that is not UTF-8");
    text_free(&text);
    json_decref(object);
}

static int32_t find_class(void *unused, const char *text) {
    (void) unused;
    return text[0] == 'n' ? 1 : text[0] >= '0' && text[0] <= '9' ? text[0] - '0' : -1;
}

/* A list of files, with labels or boxes from the second half of the input where asked for. */
static void read_dataset(struct fuzz_input *input, bool truth, bool boxes) {
    struct dataset dataset = {0};
    struct vitlrp_error err;
    size_t split = truth || boxes ? input->size / 2 : input->size;
    struct fuzz_input list = {input->data, split};
    struct fuzz_input beside = {input->data + split, input->size - split};
    struct dataset_options options = {.path = fuzz_file(&list, 0), .shards = 1};
    options.classes = (struct truth_classes){find_class, NULL};
    options.truth_path = truth ? fuzz_file(&beside, 1) : NULL;
    options.boxes_path = boxes ? fuzz_file(&beside, 1) : NULL;
    enum vitlrp_status status = dataset_open(&options, &dataset, &err);
    if (status != VITLRP_OK) {
        fuzz_check_failure(status, &err);
        return;
    }
    for (size_t i = 0; i < dataset.count; i++) {
        fuzz_touch(dataset.items[i].path, strlen(dataset.items[i].path));
    }
    dataset_close(&dataset);
}

static void read_classes(const struct fuzz_input *input) {
    struct class_table table = {0};
    struct vitlrp_error err;
    enum vitlrp_status status =
        class_table_parse((const char *) input->data, input->size, &table, &err);
    if (status != VITLRP_OK) {
        fuzz_check_failure(status, &err);
    }
    for (size_t i = 0; i < table.count; i++) {
        fuzz_touch(table.items[i].name, strlen(table.items[i].name));
        fuzz_touch(table.items[i].wnid, strlen(table.items[i].wnid));
    }
    class_table_free(&table);
}

/* JSON may take 84 times its size (JSON_MAX_MEMORY, base/json_scan). */
const struct bounds FUZZ_BOUNDS = {.bytes_per_byte = 88};

void fuzz_one(const uint8_t *data, size_t size) {
    struct fuzz_input input = {data, size};
    switch (fuzz_byte(&input) % 8) {
    case 2:
        read_dataset(&input, false, false);
        break;
    case 3:
        read_dataset(&input, true, false);
        break;
    case 4:
        read_dataset(&input, false, true);
        break;
    case 5:
        read_classes(&input);
        break;
    default:
        read_json(&input);
        break;
    }
}
