#include "batch_choice.h"

#include <string.h>

#include "cli/option_value.h"

#define MAX_LIMIT 10000000

const char *batch_file_word(enum batch_file file) {
    return option_choices(OPTION_WRITE)[file];
}

/* The kind of file that the first `length` bytes of `word` name; BATCH_FILES if none. */
static enum batch_file find_file(const char *word, size_t length) {
    enum batch_file file = BATCH_PNG;
    while (file < BATCH_FILES && (strlen(batch_file_word(file)) != length ||
                                  strncmp(batch_file_word(file), word, length) != 0)) {
        file++;
    }
    return file;
}

static enum vitlrp_status read_files(const char *value, bool writes[BATCH_FILES],
                                     struct vitlrp_error *err) {
    writes[BATCH_PNG] = value == NULL;
    for (const char *next = value; next != NULL;) {
        size_t length = strcspn(next, ",");
        enum batch_file file = find_file(next, length);
        if (file == BATCH_FILES) {
            return option_fail("--write", value,
                               "png, jpg, raw, logits, input or json, with one comma between two "
                               "of them",
                               err);
        }
        writes[file] = true;
        next = next[length] == ',' ? next + length + 1 : NULL;
    }
    return VITLRP_OK;
}

static enum vitlrp_status read_max_failures(const char *value, struct batch_limit *limit,
                                            struct vitlrp_error *err) {
    return value == NULL || batch_limit_parse(value, limit)
               ? VITLRP_OK
               : option_fail("--max-failures", value,
                             "a number of images from 0 to 10000000, or a percentage, as 5%", err);
}

enum vitlrp_status batch_choose(const struct args *args, struct batch_choice *choice,
                                struct vitlrp_error *err) {
    const char *const *value = args->value;
    *choice = (struct batch_choice){.shards = 1};
    if (args->operand_count != 1) {
        return fail(err, VITLRP_USAGE,
                    "batch takes one dataset: a folder, or a list of files (see vitlrp batch "
                    "--help)");
    }
    if (value[OPTION_OUTPUT] == NULL || value[OPTION_OUTPUT][0] == '\0') {
        return fail(err, VITLRP_USAGE, "batch needs a folder for its results (-o FOLDER)");
    }
    choice->dataset = args->operands[0];
    choice->truth = value[OPTION_TRUTH];
    choice->folder = value[OPTION_OUTPUT];
    choice->retry_failed = value[OPTION_RETRY_FAILED] != NULL;
    choice->dry_run = value[OPTION_DRY_RUN] != NULL;
    TRY(read_max_failures(value[OPTION_MAX_FAILURES], &choice->max_failures, err));
    TRY(option_int("--limit", value[OPTION_LIMIT], 1, MAX_LIMIT, &choice->limit, err));
    TRY(option_shard(value[OPTION_SHARD], &choice->shard, &choice->shards, err));
    return read_files(value[OPTION_WRITE], choice->writes, err);
}
