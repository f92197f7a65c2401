#include "concepts_recall.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/folder.h"
#include "base/mem.h"
#include "base/run_folder.h"
#include "cli/rerun/rerun_record.h"
#include "concepts_config.h"

#define RECORD_LIMIT ((size_t) 1 << 28)
#define BUILT_IN "built-in "
#define STANDARD_INPUT "-"

static enum vitlrp_status read_config(const char *path, json_t **out, struct vitlrp_error *err) {
    struct run_folder folder = run_folder_closed();
    struct bytes bytes = {0};
    enum vitlrp_status status = run_folder_look(path, &folder, err);
    if (status == VITLRP_OK) {
        status = run_folder_read(&folder, &bytes, err);
    }
    if (status == VITLRP_OK) {
        status = run_folder_prefix(
            &folder, concepts_config_parse((const char *) bytes.data, bytes.size, out, err), err);
    }
    bytes_free(&bytes);
    run_folder_close(&folder);
    return status;
}

bool concepts_recall_is_meant(const struct args *args) {
    struct vitlrp_error unread;
    json_t *config = NULL;
    if (args->operand_count != 1 || args->value[OPTION_OUTPUT] != NULL) {
        return false;
    }
    enum vitlrp_status status = read_config(args->operands[0], &config, &unread);
    json_decref(config);
    /* Whoever opens it next says what the system lacks. */
    return status == VITLRP_OK || error_is_systemic(status, &unread);
}

static void set_value(struct args *args, enum option_id option, const char *value) {
    if (args->value[option] == NULL) {
        args->value[option] = value;
    }
}

static void set_whole(struct args *args, enum option_id option, const json_t *value, char *room,
                      size_t size) {
    if (json_is_integer(value)) {
        snprintf(room, size, "%lld", (long long) json_integer_value(value));
        set_value(args, option, room);
    }
}

/* As the command line has it: each value of an option that was given several times. */
static enum vitlrp_status set_stated(struct concepts_recall *recall, enum option_id option,
                                     const char *value, size_t most, struct vitlrp_error *err) {
    struct value_list *list = args_list(&recall->args, option);
    if (recall->given->value[option] != NULL) {
        return VITLRP_OK;
    }
    if (list != NULL && value != NULL) {
        if (list->values == NULL) {
            list->values = mem_calloc(most, sizeof *list->values);
        }
        if (list->values == NULL) {
            return fail(err, VITLRP_NOMEM, "out of memory for the options of a run");
        }
        list->values[list->count++] = value;
    }
    set_value(&recall->args, option, value == NULL ? "" : value);
    return VITLRP_OK;
}

/* Those that decided about figures, as the record has them, and what the environment may have. */
static enum vitlrp_status set_options(struct concepts_recall *recall, struct vitlrp_error *err) {
    const json_t *words = json_object_get(json_object_get(recall->config, "run"), "options");
    const json_t *arithmetic =
        json_object_get(json_object_get(recall->config, "settings"), "arithmetic");
    const char *model = json_get_string(recall->config, "model");
    size_t count = json_array_size(words);
    for (size_t i = 0; i < count; i++) {
        const char *value = NULL;
        enum option_id option = rerun_option_read(json_array_get(words, i), &value);
        if (option != OPTION_COUNT && (option_table()[option].verbs & FOR_CONCEPTS) != 0 &&
            !option_is_apart(option, VERB_CONCEPTS)) {
            TRY(set_stated(recall, option, value, count, err));
        }
    }
    if (model != NULL && strncmp(model, BUILT_IN, strlen(BUILT_IN)) != 0) {
        set_value(&recall->args, OPTION_MODEL, model);
    }
    set_value(&recall->args, OPTION_BACKEND, json_get_string(arithmetic, "backend"));
    return VITLRP_OK;
}

/* The page that is there goes on as it is; without one the defaults hold. */
static enum vitlrp_status read_page(const char *path, struct concepts_recall *recall,
                                    struct vitlrp_error *err) {
    struct bytes bytes = {0};
    struct vitlrp_error unread;
    json_t *record = NULL;
    int folder = -1;
    TRY(folder_open(path, &folder, err));
    if (file_read_below(folder, GALLERY_RECORD, RECORD_LIMIT, &bytes, &unread) == VITLRP_OK &&
        json_parse_object((const char *) bytes.data, bytes.size, &record, &unread) == VITLRP_OK) {
        set_whole(&recall->args, OPTION_GALLERY, json_object_get(record, "gallery"),
                  recall->gallery, sizeof recall->gallery);
        set_whole(&recall->args, OPTION_TEST_IMAGES, json_object_get(record, "test_images"),
                  recall->test_images, sizeof recall->test_images);
        if (json_is_false(json_object_get(record, "pictures"))) {
            set_value(&recall->args, OPTION_NO_PICTURES, "");
        }
    }
    json_decref(record);
    bytes_free(&bytes);
    close(folder);
    return VITLRP_OK;
}

enum vitlrp_status concepts_recall_open(const struct args *given, const char *folder,
                                        struct concepts_recall *out, struct vitlrp_error *err) {
    *out = (struct concepts_recall){.args = *given, .given = given};
    TRY(read_config(folder, &out->config, err));
    const char *dataset = json_get_string(out->config, "dataset");
    if (json_object_get(out->config, "shard") != NULL) {
        return fail(err, VITLRP_USAGE, "%s is of one shard (vitlrp merge joins them)", folder);
    }
    if (dataset == NULL) {
        return fail(err, VITLRP_FORMAT, "%s/run.json names no images", folder);
    }
    if (strcmp(dataset, STANDARD_INPUT) == 0) { /* it is another list now, or none */
        return fail(err, VITLRP_UNSUPPORTED,
                    "%s: its list of images came from standard input and is not kept (give the "
                    "command of the run with -o %s, and the list again)",
                    folder, folder);
    }
    out->operands[0] = dataset;
    out->args.operands = out->operands;
    out->args.operand_count = 1;
    out->args.value[OPTION_OUTPUT] = folder;
    TRY(set_options(out, err));
    return read_page(folder, out, err);
}

void concepts_recall_close(struct concepts_recall *recall) {
    for (size_t i = 0; i < REPEATED_COUNT; i++) {
        if (recall->args.repeated[i].values != recall->given->repeated[i].values) {
            mem_free((void *) recall->args.repeated[i].values);
        }
    }
    json_decref(recall->config);
    *recall = (struct concepts_recall){0};
}
