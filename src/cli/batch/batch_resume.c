#define _POSIX_C_SOURCE 200809L
#include "batch_resume.h"

#include <string.h>
#include <sys/stat.h>

#include "batch_config.h"
#include "batch_names.h"
#include "cli/names.h"

static bool is_there(const char *path) {
    struct stat info;
    return lstat(path, &info) == 0;
}

static enum vitlrp_status begin(const struct batch_plan *plan, const struct settings *settings,
                                const struct batch_store *store, const char *run_path,
                                const char *results_path, const json_t *config,
                                struct vitlrp_error *err) {
    struct text text = {.limit = (size_t) 1 << 24};
    if (is_there(results_path)) {
        return error_prefix(err,
                            fail(err, VITLRP_USAGE,
                                 "is there without its run.json (give another folder, or remove "
                                 "it)"),
                            results_path);
    }
    TRY(batch_plan_check_new(plan, settings->top > 1, err));
    if (!store->locked) {
        return VITLRP_OK;
    }
    enum vitlrp_status status = batch_config_write(config, &text, err);
    if (status == VITLRP_OK) {
        const char *name = run_path + strlen(store->folder) + 1;
        status = batch_store_write(store, name, text.data, text.length, err);
    }
    text_free(&text);
    return status;
}

static enum vitlrp_status compare(const char *run_path, const json_t *config,
                                  struct vitlrp_error *err) {
    json_t *old = NULL;
    TRY(batch_config_read(run_path, &old, err));
    enum vitlrp_status status = batch_config_compare(old, config, "the old run", "this one", err);
    json_decref(old);
    if (status != VITLRP_MISMATCH) {
        return error_prefix(err, status, run_path);
    }
    struct vitlrp_error told = *err;
    return error_prefix(
        err, fail(err, VITLRP_USAGE, "%.380s (give another folder for another run)", told.message),
        run_path);
}

/* True if every file that the line tells of is there. */
static bool has_files(const struct batch_store *store, const json_t *of_class, bool escaped) {
    size_t i;
    json_t *file;
    bool all = true;
    json_array_foreach(json_object_get(of_class, "files"), i, file) {
        struct text path = {.limit = 2 * NAME_LIMIT};
        const char *name = json_string_value(file);
        text_printf(&path, "%s/", store->folder);
        batch_append_path(&path, name == NULL ? "" : name, escaped);
        all = all && name != NULL && !path.failed && is_there(path.data);
        text_free(&path);
    }
    return all;
}

static enum vitlrp_status check_place(const struct batch_store *store,
                                      struct batch_journal *journal, size_t place,
                                      struct vitlrp_error *err) {
    json_t *line = NULL;
    size_t i;
    json_t *of_class;
    TRY(batch_journal_read(journal, place, &line, err));
    bool escaped = json_is_true(json_object_get(line, "escaped"));
    bool complete = has_files(store, line, escaped);
    json_array_foreach(json_object_get(line, "further"), i, of_class) {
        complete = complete && has_files(store, of_class, escaped);
    }
    if (!complete) {
        batch_journal_reopen(journal, place);
    }
    json_decref(line);
    return VITLRP_OK;
}

static enum vitlrp_status reopen(const struct batch_store *store, bool retry_failed,
                                 struct batch_journal *journal, struct vitlrp_error *err) {
    for (size_t i = 0; i < journal->count; i++) {
        if (journal->entries[i].state == BATCH_DONE) {
            TRY(check_place(store, journal, i, err));
        } else if (journal->entries[i].state == BATCH_FAILED && retry_failed) {
            batch_journal_reopen(journal, i);
        }
    }
    return VITLRP_OK;
}

enum vitlrp_status batch_resume(const struct batch_plan *plan, const struct settings *settings,
                                const struct batch_store *store, const json_t *config,
                                struct batch_journal *journal, struct vitlrp_error *err) {
    const struct batch_choice *choice = plan->choice;
    struct text run = {.limit = 2 * NAME_LIMIT};
    struct text results = {.limit = 2 * NAME_LIMIT};
    enum vitlrp_status status = VITLRP_OK;
    batch_append_name(&run, store->folder, "run", ".json", choice->shard, choice->shards);
    batch_append_name(&results, store->folder, "results", ".jsonl", choice->shard, choice->shards);
    if (run.failed || results.failed) {
        status = fail(err, VITLRP_LIMIT, "the folder's name is longer than %zu bytes", NAME_LIMIT);
        goto cleanup;
    }
    status = is_there(run.data) ? compare(run.data, config, err)
                                : begin(plan, settings, store, run.data, results.data, config, err);
    if (status == VITLRP_OK) {
        /* Who only looks, and finds no results, has an empty file for them. */
        const char *path = store->locked || is_there(results.data) ? results.data : "/dev/null";
        status = batch_journal_open(path, plan->count, choice->shard, choice->shards, store->locked,
                                    journal, err);
    }
    if (status == VITLRP_OK) {
        status = reopen(store, choice->retry_failed, journal, err);
    }

cleanup:
    text_free(&run);
    text_free(&results);
    return status;
}
