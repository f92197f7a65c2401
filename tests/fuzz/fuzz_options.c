/* Command lines: words separated by newlines, parsed and given their meaning as the command does,
 * but for opening what they name. */
#include <getopt.h>
#include <string.h>

#include "base/mem.h"
#include "cli/batch/batch_plan.h"
#include "cli/eval/eval_choice.h"
#include "cli/settings.h"
#include "fuzz/fuzz.h"

#define MAX_WORDS 64

/* Limits that were read are told in words that are read as the same. */
static void check_limits(const struct limits *limits) {
    struct text told = {.limit = 1024};
    struct text twice = {.limit = 1024};
    struct limits again;
    struct vitlrp_error err;
    limits_append(limits, &told);
    fuzz_check(!told.failed, "limits that are not told");
    limits_init(&again);
    fuzz_check(limits_change("--limits", told.data, &again, &err) == VITLRP_OK, err.message);
    limits_append(&again, &twice);
    fuzz_check(strcmp(told.data, twice.data) == 0, "other limits than were told");
    text_free(&told);
    text_free(&twice);
}

static void read_batch(const struct args *args) {
    struct batch_choice choice;
    struct vitlrp_error err;
    enum vitlrp_status status = batch_choose(args, &choice, &err);
    if (status != VITLRP_OK) {
        fuzz_check_failure(status, &err);
    }
}

static void read_choices(const struct args *args) {
    struct settings settings;
    struct eval_choice choice;
    struct vitlrp_error err;
    enum vitlrp_status status = settings_read(args, &settings, &err);
    if (status != VITLRP_OK) {
        fuzz_check_failure(status, &err);
        return;
    }
    struct vitlrp_preprocess preprocess = {.resize_to = 256, .crop_height = 224, .crop_width = 224};
    preprocess_change(&settings.preprocess, &preprocess);
    fuzz_touch(&preprocess, sizeof preprocess);
    check_limits(&settings.limits);
    if (args->verb == VERB_BATCH) {
        read_batch(args);
    }
    if (args->verb == VERB_EVAL || args->verb == VERB_TUNE) {
        status = eval_choose(args, &settings, &choice, &err);
        if (status != VITLRP_OK) {
            fuzz_check_failure(status, &err);
        }
        eval_choice_free(&choice);
    }
}

const struct bounds FUZZ_BOUNDS = {0};

void fuzz_one(const uint8_t *data, size_t size) {
    char *text = mem_calloc(size + 1, 1);
    char *words[MAX_WORDS + 2] = {(char[]){"vitlrp"}};
    int count = 1;
    struct args args;
    struct vitlrp_error err;
    fuzz_check(text != NULL, "no memory");
    memcpy(text, data, size);
    for (char *next = text; next != NULL && count <= MAX_WORDS; count++) {
        words[count] = next;
        next = strchr(next, '\n');
        if (next != NULL) {
            *next++ = '\0';
        }
    }
    optind = 0; /* glibc: begin anew */
    enum vitlrp_status status = args_parse(count, words, &args, &err);
    if (status == VITLRP_OK) {
        read_choices(&args);
    } else {
        fuzz_check_failure(status, &err);
    }
    args_free(&args);
    mem_free(text);
}
