#include <stddef.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/checked.h"
#include "base/journal.h"
#include "base/status.h"
#include "batch_config.h"
#include "batch_plan.h"
#include "batch_run.h"
#include "batch_store.h"
#include "cli/args.h"
#include "cli/console.h"
#include "cli/explain_session.h"
#include "cli/machine.h"
#include "cli/model_facts.h"
#include "cli/run_watch.h"
#include "cli/verbs.h"

/* ---- Without running: what would be done ---- */

#define MEGABYTE 1048576.0
#define REPORT_LIMIT ((size_t) 1 << 16)

/* The names of an image's files, and how many there are. */
static void append_files(struct text *out, const struct batch_choice *choice, int32_t classes) {
    struct text names = {.limit = REPORT_LIMIT};
    int64_t count = 0;
    for (enum batch_file file = BATCH_PNG; file < BATCH_FILES; file++) {
        if (choice->writes[file]) {
            text_append_string(&names, count > 0 ? ", {stem}" : "{stem}");
            batch_append_suffix(&names, file, -1);
            count += batch_file_is_of_class(file) ? classes : 1;
        }
    }
    text_printf(out, "files         %lld for each image: %s%s\n", (long long) count,
                names.failed ? "" : names.data, classes > 1 ? ", of each class" : "");
    if (batch_choice_writes(choice, BATCH_THUMB)) {
        text_printf(out, "thumbnails    %d for each image, for " BATCH_PAGE "\n", 1 + classes);
    }
    text_free(&names);
}

static void append_images(struct text *out, const struct batch_plan *plan,
                          const struct journal *journal) {
    const struct batch_choice *choice = plan->choice;
    size_t failed = journal_count(journal, JOURNAL_FAILED);
    text_printf(out, "images        %zu", plan->count);
    if (choice->shards > 1) {
        text_printf(out, " of %zu, shard %d of %d", plan->info.images, choice->shard,
                    choice->shards);
    }
    text_printf(out, "\ndone          %zu\nfailed        %zu%s\nto do         %zu\n",
                journal_count(journal, JOURNAL_DONE), failed,
                failed > 0 ? " (again with --retry-failed)" : "",
                journal_count(journal, JOURNAL_OPEN));
}

static enum vitlrp_status batch_forecast(const struct batch_plan *plan,
                                         const struct journal *journal,
                                         const struct explain_session *first, size_t threads,
                                         const struct console *console, struct vitlrp_error *err) {
    struct text out = {.limit = REPORT_LIMIT};
    const struct vitlrp_session_info *info = &first->info;
    int32_t classes = settings_classes(first->settings);
    size_t bytes = 0;
    if (console->verbosity == 0) {
        return VITLRP_OK;
    }
    TRY(explain_session_bytes(first, info->input_height, info->input_width, &bytes, err));
    append_images(&out, plan, journal);
    append_files(&out, plan->choice, classes);
    text_printf(&out, "threads       %zu, with a session of %.1f MB each\n", threads,
                (double) bytes / MEGABYTE);
    enum vitlrp_status status = console_write(&out, err);
    text_free(&out);
    return status;
}

#define SUMMARY_LIMIT ((size_t) 1 << 16)

/* A run from its options to its end. */
struct batch {
    struct settings settings;
    struct guard guard; /* of what is read, for the store */
    struct batch_choice choice;
    struct batch_plan plan;
    struct batch_store store;
    struct journal journal;
    struct vitlrp_model *model;    /* owned */
    struct vitlrp_model *unedited; /* owned: the same without its edits; NULL: it has none */
    struct model_record record;
    struct explain_session first;
    size_t threads;
    json_t *config;
    bool has_page;  /* the contact sheet was written */
    size_t resumed; /* images that an earlier run has done */
    double start_ms;
};

static enum vitlrp_status batch_open_first(struct batch *batch, struct console *console,
                                           struct vitlrp_error *err) {
    batch->first.unedited.model = batch->unedited;
    TRY(batch_session_open(&batch->settings, &batch->plan, batch->model, console, &batch->first,
                           err));
    batch->first.record = &batch->record;
    return batch_config_make(&batch->plan, &batch->first, &batch->config, err);
}

/* Which names the results have is known image by image. Into a new folder nothing can be in the
 * way. */
static enum vitlrp_status batch_guard(const struct args *args, struct batch *batch,
                                      struct vitlrp_error *err) {
    struct stat info;
    if (stat(batch->choice.folder, &info) != 0 && args->kept == NULL) {
        return VITLRP_OK;
    }
    batch->guard.names_come_later = true;
    batch->settings.inputs = guard_inputs(&batch->guard);
    return guard_words(&batch->guard, args, batch->settings.model_path, err);
}

static enum vitlrp_status batch_open(const struct args *args, struct batch *batch,
                                     struct console *console, struct vitlrp_error *err) {
    TRY(settings_read(args, &batch->settings, err));
    TRY(batch_choose(args, &batch->choice, err));
    TRY(batch_guard(args, batch, err));
    batch->threads = batch_take_threads(&batch->settings);
    TRY(model_choose_both(&batch->settings, console, &batch->model, &batch->unedited, err));
    TRY(model_record_take(batch->model, &batch->record, err));
    TRY(batch_plan_open(&batch->choice, &batch->settings, batch->model, &batch->plan, err));
    batch_plan_warn(&batch->plan, console);
    return batch_open_first(batch, console, err);
}

static enum vitlrp_status batch_report(const struct batch *batch,
                                       const struct batch_outcome *outcome,
                                       const struct console *console, struct vitlrp_error *err) {
    char shown[200];
    struct text out = {.limit = SUMMARY_LIMIT};
    double seconds = (clock_ms() - batch->start_ms) * 1e-3;
    size_t failed = journal_count(&batch->journal, JOURNAL_FAILED);
    size_t left = journal_count(&batch->journal, JOURNAL_OPEN);
    if (console->verbosity == 0) {
        return VITLRP_OK;
    }
    text_escape_name(shown, sizeof shown, batch->choice.folder);
    text_printf(&out, "%s: %zu of %zu images, %zu failed", shown, batch->journal.count - left,
                batch->journal.count, failed);
    batch_outcome_append(outcome, batch->resumed, left, seconds, &out);
    if (batch->has_page) {
        text_printf(&out, "to look at them: %s/" BATCH_PAGE "\n", shown);
    }
    enum vitlrp_status status = console_write(&out, err);
    text_free(&out);
    return status;
}

static enum exit_code batch_conclude(struct batch *batch, const struct batch_outcome *outcome,
                                     const struct console *console) {
    struct vitlrp_error err;
    enum exit_code code = console_check(outcome->status, outcome->stage, &outcome->err);
    size_t failed = journal_count(&batch->journal, JOURNAL_FAILED);
    if (code == CODE_DONE && !outcome->cancelled && !outcome->gave_up) {
        code = console_check(batch_finish(&batch->store, &batch->journal, batch->config,
                                          batch->choice.shards == 1, &err),
                             CODE_OUTPUT, &err);
        batch->has_page = code == CODE_DONE && batch->choice.shards == 1;
    }
    enum exit_code said =
        console_check(batch_report(batch, outcome, console, &err), CODE_OUTPUT, &err);
    if (code != CODE_DONE || said != CODE_DONE) {
        return code != CODE_DONE ? code : said;
    }
    return failed > 0 ? CODE_ITEMS : CODE_DONE;
}

static enum exit_code batch_run_images(struct batch *batch, struct console *console) {
    struct run_watch watch;
    run_watch_start(batch->settings.progress, console, &watch);
    batch->start_ms = clock_ms();
    struct batch_run run = {
        .plan = &batch->plan,
        .store = &batch->store,
        .journal = &batch->journal,
        .first = &batch->first,
        .threads = batch->threads,
        .console = console,
        .observer = run_watch_observer(&watch),
        .outcome = {.stage = CODE_OUTPUT},
    };
    batch_run(&run);
    run_watch_end();
    enum exit_code code = batch_conclude(batch, &run.outcome, console);
    batch_outcome_tell_giving_up(&run.outcome, &batch->choice.max_failures);
    if (run.outcome.cancelled && code != CODE_OUTPUT) {
        console_warn(console, "stopped; what was done is written");
        code = run_watch_code();
    }
    return code;
}

static enum vitlrp_status batch_open_store(struct batch *batch, const struct console *console,
                                           struct vitlrp_error *err) {
    const struct batch_choice *choice = &batch->choice;
    enum vitlrp_status status = choice->dry_run
                                    ? batch_store_look(choice->folder, &batch->store, err)
                                    : batch_store_open(choice->folder, choice->shard,
                                                       choice->shards, console, &batch->store, err);
    batch->store.guard = &batch->guard;
    return status;
}

static enum exit_code batch_process(const struct args *args, struct batch *batch,
                                    struct console *console) {
    struct vitlrp_error err;
    enum exit_code code = console_check(batch_open(args, batch, console, &err), CODE_INPUT, &err);
    if (code == CODE_DONE) {
        code = console_check(batch_open_store(batch, console, &err), CODE_OUTPUT, &err);
    }
    if (code == CODE_DONE) {
        code = console_check(batch_resume(&batch->plan, &batch->settings, &batch->store,
                                          batch->config, &batch->journal, &err),
                             CODE_OUTPUT, &err);
    }
    if (code != CODE_DONE) {
        return code;
    }
    size_t left = journal_count(&batch->journal, JOURNAL_OPEN);
    batch->resumed = batch->journal.count - left;
    code = console_check(
        batch_session_workers(&batch->first, size_min(batch->threads, left), &batch->threads, &err),
        CODE_INPUT, &err);
    if (code != CODE_DONE) {
        return code;
    }
    if (batch->choice.dry_run) {
        return console_check(batch_forecast(&batch->plan, &batch->journal, &batch->first,
                                            batch->threads, console, &err),
                             CODE_OUTPUT, &err);
    }
    code =
        console_check(model_tell(&batch->settings, batch->model, console, &err), CODE_OUTPUT, &err);
    return code != CODE_DONE ? code : batch_run_images(batch, console);
}

enum exit_code batch_main(const struct args *args, struct console *console) {
    struct batch batch = {.journal = {.descriptor = -1}, .store = BATCH_STORE_CLOSED};
    enum exit_code code = batch_process(args, &batch, console);
    json_decref(batch.config);
    journal_close(&batch.journal);
    batch_store_close(&batch.store);
    batch_plan_close(&batch.plan);
    guard_free(&batch.guard);
    explain_session_close(&batch.first);
    model_record_free(&batch.record);
    vitlrp_model_close(batch.model);
    vitlrp_model_close(batch.unedited);
    return code;
}
