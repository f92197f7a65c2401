/* Evaluations under a shortage of memory: in memory, in a journal, from files. */
#define _POSIX_C_SOURCE 200809L
#include "fault/torture.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "support/unit.h"

void torture_keep(struct result *result, const void *data, size_t size) {
    size_t room = sizeof result->data - result->size;
    size = size < room ? size : room;
    memcpy(result->data + result->size, data, size);
    result->size += size;
}

static enum vitlrp_status report(struct vitlrp_evaluation *evaluation, struct result *result,
                                 struct vitlrp_error *error) {
    static enum vitlrp_status (*const reports[])(const struct vitlrp_evaluation *, char **,
                                                 size_t *, struct vitlrp_error *) = {
        vitlrp_evaluation_json, vitlrp_evaluation_csv, vitlrp_evaluation_html,
        vitlrp_evaluation_table};
    for (size_t i = 0; i < sizeof reports / sizeof reports[0]; i++) {
        char *text = NULL;
        size_t size = 0;
        enum vitlrp_status status = reports[i](evaluation, &text, &size, error);
        if (status != VITLRP_OK) {
            return status;
        }
        torture_keep(result, &size, sizeof size);
        vitlrp_free(text);
    }
    return VITLRP_OK;
}

static void set_options(struct vitlrp_eval_options *options) {
    static const char *const METHODS[] = {"attnlrp", "random"};
    vitlrp_eval_options_init(options);
    options->methods = METHODS;
    options->method_count = 2;
    options->steps = 2;
    options->threads = 1;
    options->backend = "openblas";
}

static enum vitlrp_status run(const struct bench *bench, const struct vitlrp_eval_options *options,
                              struct result *result, struct vitlrp_error *error) {
    struct vitlrp_evaluation *evaluation = NULL;
    struct vitlrp_evaluation_info info;
    enum vitlrp_status status = vitlrp_evaluate(bench->model, options, &evaluation, error);
    if (status == VITLRP_OK) {
        vitlrp_evaluation_info_init(&info);
        vitlrp_evaluation_describe(evaluation, &info);
        /* What is short for one image ends the run: none of them is to blame. */
        assert_int_equal(info.failed, 0);
        status = report(evaluation, result, error);
    }
    vitlrp_evaluation_close(evaluation);
    return status;
}

enum vitlrp_status torture_evaluate(const struct bench *bench, struct result *result,
                                    struct vitlrp_error *error) {
    struct vitlrp_eval_options options;
    set_options(&options);
    options.dataset = bench->list;
    return run(bench, &options, result, error);
}

static void clear_journal(const char *folder) {
    static const char *const FILES[] = {"results.jsonl", "run.json"};
    char path[256];
    for (size_t i = 0; i < sizeof FILES / sizeof FILES[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, FILES[i]);
        unlink(path);
    }
    assert_int_equal(rmdir(folder), 0); /* nothing else is in it */
}

enum vitlrp_status torture_evaluate_in_journal(const struct bench *bench, struct result *result,
                                               struct vitlrp_error *error) {
    struct vitlrp_eval_options options;
    set_options(&options);
    options.dataset = bench->few;
    options.journal = bench->journal;
    enum vitlrp_status status = run(bench, &options, result, error);
    if (status == VITLRP_OK) {
        clear_journal(bench->journal);
    }
    return status;
}

void torture_make_parts(const struct bench *bench) {
    for (int32_t i = 0; i < SHARDS; i++) {
        struct result result = {0};
        struct vitlrp_eval_options options;
        set_options(&options);
        options.dataset = bench->few;
        options.journal = bench->parts[i];
        options.shard = i;
        options.shards = SHARDS;
        assert_int_equal(run(bench, &options, &result, NULL), VITLRP_OK);
    }
}

enum vitlrp_status torture_merge_journals(const struct bench *bench, struct result *result,
                                          struct vitlrp_error *error) {
    const char *paths[SHARDS];
    struct vitlrp_evaluation *evaluation = NULL;
    for (size_t i = 0; i < SHARDS; i++) {
        paths[i] = bench->parts[i];
    }
    enum vitlrp_status status = vitlrp_evaluation_open(paths, SHARDS, &evaluation, error);
    if (status == VITLRP_OK) {
        status = report(evaluation, result, error);
    }
    vitlrp_evaluation_close(evaluation);
    return status;
}

enum vitlrp_status torture_read_record(const struct bench *bench, struct result *result,
                                       struct vitlrp_error *error) {
    struct vitlrp_evaluation *evaluation = NULL;
    enum vitlrp_status status =
        vitlrp_evaluation_read(bench->record.data, bench->record.size, &evaluation, error);
    if (status == VITLRP_OK) {
        struct vitlrp_evaluation *whole = NULL;
        const struct vitlrp_evaluation *parts[] = {evaluation};
        status = vitlrp_evaluation_merge(parts, 1, &whole, error);
        if (status == VITLRP_OK) {
            status = report(whole, result, error);
        }
        vitlrp_evaluation_close(whole);
    }
    vitlrp_evaluation_close(evaluation);
    return status;
}
