#include <string.h>

#include "base/checked.h"
#include "base/clock.h"
#include "base/folder.h"
#include "base/unit_index_run.h"
#include "cli/batch/batch_config.h"
#include "cli/batch/batch_run.h"
#include "cli/guard.h"
#include "cli/machine.h"
#include "cli/run_watch.h"
#include "cli/verbs.h"
#include "concepts_config.h"
#include "concepts_item.h"
#include "concepts_page.h"
#include "concepts_recall.h"
#include "concepts_resume.h"
#include "concepts_run.h"

#define MEGABYTE 1048576.0
#define REPORT_LIMIT ((size_t) 1 << 16)
#define NO_PAGE "no page is made: %s"

/* A run from its options to its end. */
struct concepts {
    struct settings settings;
    struct concepts_choice choice;
    struct guard guard; /* of what is read */
    struct batch_plan plan;
    struct concepts_files files; /* of the folder */
    struct run_folder folder;
    struct unit_index index;
    struct class_rows rows;     /* closed without --class-sums */
    struct vitlrp_model *model; /* owned */
    struct model_record record;
    struct explain_session first;
    size_t threads, wanted_threads;
    json_t *config; /* owned */
    char identity[SHA256_TEXT];
    char was[SHA256_TEXT]; /* of the record in the folder, by what the images' files held then */
    bool only_page;        /* of an index as it is: no image is done */
    size_t resumed;        /* images that an earlier run has done */
    double start;
};

static enum vitlrp_status open_index(struct concepts *run, struct vitlrp_error *err) {
    struct unit_index_shape shape;
    if (run->plan.info.images == 0) {
        return fail(err, VITLRP_USAGE, "%s holds no images", run->choice.images.dataset);
    }
    concepts_shape(run->model, &run->choice, run->plan.info.images, &shape);
    return unit_index_open(&shape, &run->index, err);
}

static enum vitlrp_status open_run(const struct args *args, struct concepts *run,
                                   struct console *console, struct vitlrp_error *err) {
    TRY(settings_read(args, &run->settings, err));
    TRY(concepts_choose(args, &run->settings, &run->choice, err));
    TRY(guard_words(&run->guard, args, run->settings.model_path, err));
    run->settings.inputs = guard_inputs(&run->guard);
    run->threads = run->wanted_threads = batch_take_threads(&run->settings);
    TRY(model_choose(&run->settings, console, &run->model, err));
    TRY(model_record_take(run->model, &run->record, err));
    TRY(batch_plan_open(&run->choice.images, &run->settings, run->model, &run->plan, err));
    batch_plan_warn(&run->plan, console);
    TRY(batch_session_open(&run->settings, &run->plan, run->model, console, &run->first, err));
    run->first.record = &run->record;
    TRY(concepts_config_make(&run->choice, &run->plan, &run->first, &run->config, err));
    TRY(unit_index_run_identity(run->config, run->identity, err));
    memcpy(run->was, run->identity, sizeof run->was);
    return open_index(run, err);
}

/* ---- The folder ---- */

/* As run_folder_compare: `user` is the run. Images that have changed under their names are no other
 * run: they are looked at one by one. */
static enum vitlrp_status compare_runs(void *user, const char *bytes, size_t size,
                                       struct text *difference, struct vitlrp_error *err) {
    struct concepts *run = user;
    json_t *old = NULL;
    struct vitlrp_error differs;
    TRY(concepts_config_parse(bytes, size, &old, err));
    enum vitlrp_status status =
        batch_config_compare(old, run->config, "the folder", "this run", &differs);
    if (status == VITLRP_OK && batch_config_compare_content(old, run->config, NULL) != VITLRP_OK) {
        status = unit_index_run_identity(old, run->was, &differs);
    }
    json_decref(old);
    if (status == VITLRP_MISMATCH) {
        text_append_string(difference, differs.message);
        return VITLRP_OK;
    }
    return status == VITLRP_OK ? status : error_forward(err, &differs);
}

static enum vitlrp_status look_folder(struct concepts *run, const struct run_folder_run *own,
                                      struct vitlrp_error *err) {
    if (path_is_there(run->choice.images.folder)) {
        TRY(run_folder_look(run->choice.images.folder, &run->folder, err));
        TRY(run_folder_check(&run->folder, own, err));
    }
    return run_folder_look_results(&run->folder, &own->images, err);
}

/* What is done, by the state; the record says then what the images' files are now. */
static enum vitlrp_status resume(struct concepts *run, const struct text *text,
                                 struct vitlrp_error *err) {
    bool writes = !run->choice.images.dry_run && !run->only_page;
    bool is_renewed = strcmp(run->was, run->identity) != 0;
    const struct concepts_resumption resumption = {.folder = &run->folder,
                                                   .plan = &run->plan,
                                                   .method = run->settings.method_info.name,
                                                   .identity = run->identity,
                                                   .was = run->was,
                                                   .writes = writes};
    TRY(concepts_resume(&resumption, &run->index, err));
    if (is_renewed && run->only_page) {
        return fail(err, VITLRP_MISMATCH,
                    "files of images that have failed are other ones now (give the command of the "
                    "run with -o %s, which does them again)",
                    run->folder.path);
    }
    return is_renewed && writes ? run_folder_write(&run->folder, text, err) : VITLRP_OK;
}

static enum vitlrp_status open_folder(struct concepts *run, struct vitlrp_error *err) {
    const struct batch_choice *choice = &run->choice.images;
    struct text text = {.limit = (size_t) 1 << 24};
    concepts_files(concepts_config_site(run->config), &run->files);
    struct run_folder_run own = {
        .made = run->files.names,
        .images = {run->plan.count, choice->shard, choice->shards, concepts_line_check},
        .text = &text,
        .compare = compare_runs,
        .user = run};
    enum vitlrp_status status = batch_config_write(run->config, &text, err);
    if (status == VITLRP_OK) {
        status = choice->dry_run ? look_folder(run, &own, err)
                                 : run_folder_open(choice->folder, &own, &run->folder, err);
    }
    if (status == VITLRP_OK) {
        status = resume(run, &text, err);
    }
    if (status == VITLRP_OK && run->index.shape.classes > 0) {
        status = class_rows_open(&run->index, run->folder.folder, concepts_config_site(run->config),
                                 &run->rows, err);
        status = error_prefix(err, status, run->folder.path);
    }
    text_free(&text);
    return status;
}

static struct class_rows *rows_of(struct concepts *run) {
    return run->rows.index != NULL ? &run->rows : NULL;
}

/* ---- What is said ---- */

static enum vitlrp_status forecast(const struct concepts *run, const struct console *console,
                                   struct vitlrp_error *err) {
    const struct journal *journal = &run->folder.journal;
    const struct unit_index_shape *shape = &run->index.shape;
    const struct vitlrp_session_info *info = &run->first.info;
    struct text out = {.limit = REPORT_LIMIT};
    size_t bytes = 0;
    TRY(explain_session_bytes(&run->first, info->input_height, info->input_width, &bytes, err));
    text_printf(&out, "images        %zu of %zu\ndone          %zu\nfailed        %zu\n",
                run->plan.count, run->plan.info.images, journal_count(journal, JOURNAL_DONE),
                journal_count(journal, JOURNAL_FAILED));
    text_printf(&out, "to do         %zu\nunits         %zu blocks of %zu, %zu images of each\n",
                journal_count(journal, JOURNAL_OPEN), shape->blocks, shape->width, shape->keep);
    text_printf(&out, "threads       %zu, with a session of %.1f MB each\n", run->threads,
                (double) bytes / MEGABYTE);
    enum vitlrp_status status = console->verbosity > 0 ? console_write(&out, err) : VITLRP_OK;
    text_free(&out);
    return status;
}

static enum vitlrp_status report(const struct concepts *run, const struct batch_outcome *outcome,
                                 const struct console *console, struct vitlrp_error *err) {
    const struct journal *journal = &run->folder.journal;
    const struct unit_index_shape *shape = &run->index.shape;
    struct text out = {.limit = REPORT_LIMIT};
    char shown[200];
    double seconds = clock_seconds() - run->start;
    size_t left = journal_count(journal, JOURNAL_OPEN);
    if (console->verbosity == 0) {
        return VITLRP_OK;
    }
    text_escape_name(shown, sizeof shown, run->choice.images.folder);
    text_printf(&out, "%s: %zu of %zu images, %zu failed; %zu units of %zu blocks", shown,
                journal->count - left, journal->count, journal_count(journal, JOURNAL_FAILED),
                unit_index_units(shape), shape->blocks);
    batch_outcome_append(outcome, run->resumed, left, seconds, &out);
    enum vitlrp_status status = console_write(&out, err);
    text_free(&out);
    return status;
}

/* ---- The run ---- */

/* Of a run that is complete; a shard's index is for merge. */
static enum vitlrp_status finish(struct concepts *run, struct vitlrp_error *err) {
    const struct draft_place place = {
        .folder = run->folder.folder, .name = RUN_FOLDER_RESULTS, .staging = -1};
    TRY(journal_finish(&run->folder.journal, &place, err));
    if (rows_of(run) != NULL) {
        TRY(error_prefix(err, class_rows_finish(&run->rows, err), run->folder.path));
    }
    if (run->choice.images.shards > 1) {
        return VITLRP_OK;
    }
    enum vitlrp_status status = unit_index_write_arrays(
        &run->index, concepts_config_site(run->config), run->folder.folder, err);
    return error_prefix(err, status, run->folder.path);
}

static enum exit_code conclude(struct concepts *run, const struct batch_outcome *outcome,
                               const struct console *console) {
    struct vitlrp_error err;
    enum exit_code code = console_check(outcome->status, outcome->stage, &outcome->err);
    size_t failed = journal_count(&run->folder.journal, JOURNAL_FAILED);
    if (code == CODE_DONE && !outcome->cancelled && !outcome->gave_up) {
        code = console_check(finish(run, &err), CODE_OUTPUT, &err);
    }
    enum exit_code said = console_check(report(run, outcome, console, &err), CODE_OUTPUT, &err);
    batch_outcome_tell_giving_up(outcome, &run->choice.images.max_failures);
    if (code != CODE_DONE || said != CODE_DONE) {
        return code != CODE_DONE ? code : said;
    }
    return failed > 0 ? CODE_ITEMS : CODE_DONE;
}

/* ---- The gallery ---- */

static enum vitlrp_status make_gallery(struct concepts *run, struct run_watch *watch,
                                       struct vitlrp_error *err) {
    size_t threads = 0;
    TRY(batch_session_workers(&run->first, run->wanted_threads, &threads, err));
    const struct gallery_source source = {.choice = &run->choice.gallery,
                                          .plan = &run->plan,
                                          .index = &run->index,
                                          .rows = rows_of(run),
                                          .journal = &run->folder.journal,
                                          .config = run->config,
                                          .identity = run->identity,
                                          .folder = run->folder.folder,
                                          .site = run->choice.site,
                                          .first = &run->first,
                                          .threads = threads,
                                          .observer = run_watch_observer(watch)};
    return error_prefix(err, gallery_make(&source, err), run->folder.path);
}

static enum exit_code show_units(struct concepts *run, struct console *console) {
    struct vitlrp_error err;
    struct run_watch watch;
    struct text out = {.limit = REPORT_LIMIT};
    char shown[200];
    run_watch_start(run->settings.progress, console, &watch);
    enum vitlrp_status status = make_gallery(run, &watch, &err);
    run_watch_end();
    if (status == VITLRP_CANCELLED && run_watch_signal() != 0) {
        console_warn(console, "stopped; the index is complete, its page is not made");
        return run_watch_code();
    }
    enum exit_code code = console_check(status, CODE_OUTPUT, &err);
    if (code == CODE_DONE && console->verbosity > 0) {
        text_escape_name(shown, sizeof shown, run->folder.path);
        text_printf(&out, "%s/" GALLERY_PAGE " shows units of each block\n", shown);
        code = console_check(console_write(&out, &err), CODE_OUTPUT, &err);
    }
    text_free(&out);
    return code;
}

/* Of a run that is complete and whole. */
static bool wants_gallery(const struct concepts *run, const struct batch_outcome *outcome) {
    const struct gallery_choice *choice = &run->choice.gallery;
    return run->choice.images.shards == 1 && !outcome->cancelled && !outcome->gave_up &&
           run->index.count > 0 && (choice->units > 0 || choice->show != NULL);
}

static enum exit_code do_images(struct concepts *run, struct console *console) {
    struct run_watch watch;
    run_watch_start(run->settings.progress, console, &watch);
    run->start = clock_seconds();
    struct concepts_run work = {.choice = &run->choice,
                                .plan = &run->plan,
                                .folder = &run->folder,
                                .index = &run->index,
                                .rows = rows_of(run),
                                .identity = run->identity,
                                .first = &run->first,
                                .threads = run->threads,
                                .console = console,
                                .observer = run_watch_observer(&watch),
                                .outcome = {.stage = CODE_OUTPUT}};
    concepts_run(&work);
    run_watch_end();
    enum exit_code code = conclude(run, &work.outcome, console);
    if (work.outcome.cancelled && code != CODE_OUTPUT) {
        console_warn(console, "stopped; what was done is written");
        code = run_watch_code();
    }
    if ((code == CODE_DONE || code == CODE_ITEMS) && wants_gallery(run, &work.outcome)) {
        enum exit_code made = show_units(run, console);
        code = made == CODE_DONE ? code : made;
    }
    return code;
}

static void close_run(struct concepts *run) {
    json_decref(run->config);
    class_rows_close(&run->rows);
    run_folder_close(&run->folder);
    unit_index_close(&run->index);
    batch_plan_close(&run->plan);
    guard_free(&run->guard);
    explain_session_close(&run->first);
    model_record_free(&run->record);
    vitlrp_model_close(run->model);
}

static enum exit_code process(const struct args *args, struct concepts *run,
                              struct console *console) {
    struct vitlrp_error err;
    enum exit_code code = console_check(open_run(args, run, console, &err), CODE_INPUT, &err);
    if (code == CODE_DONE) {
        code = console_check(open_folder(run, &err), CODE_OUTPUT, &err);
    }
    if (code != CODE_DONE) {
        return code;
    }
    size_t left = journal_count(&run->folder.journal, JOURNAL_OPEN);
    run->resumed = run->folder.journal.count - left;
    code = console_check(
        batch_session_workers(&run->first, size_min(run->threads, left), &run->threads, &err),
        CODE_INPUT, &err);
    if (code != CODE_DONE) {
        return code;
    }
    return run->choice.images.dry_run
               ? console_check(forecast(run, console, &err), CODE_OUTPUT, &err)
               : do_images(run, console);
}

static enum exit_code run_command(const struct args *args, struct console *console) {
    struct concepts run = {.folder = run_folder_closed()};
    enum exit_code code = process(args, &run, console);
    close_run(&run);
    return code;
}

/* ---- The page of shards that are one run now ---- */

static enum exit_code page_of(const struct args *args, struct console *console) {
    struct concepts run = {.folder = run_folder_closed(), .only_page = true};
    struct vitlrp_error err;
    enum exit_code code = CODE_DONE;
    enum vitlrp_status status = open_run(args, &run, console, &err);
    bool cannot_be_made = status != VITLRP_OK && !error_is_systemic(status, &err);
    if (status == VITLRP_OK) {
        status = open_folder(&run, &err);
        /* The images or the model are other ones now. */
        cannot_be_made = status == VITLRP_MISMATCH || status == VITLRP_USAGE;
    }
    if (cannot_be_made) {
        console_tell(console, NO_PAGE, err.message);
    } else if (status != VITLRP_OK) {
        code = console_check(status, CODE_OUTPUT, &err);
    } else if (run.index.count > 0) {
        code = show_units(&run, console);
    }
    close_run(&run);
    return code;
}

enum exit_code concepts_page(const struct args *args, const char *folder, struct console *console) {
    static const enum option_id OF_PAGE[] = {OPTION_GALLERY, OPTION_TEST_IMAGES,
                                             OPTION_NO_PICTURES};
    struct args own = {.verb = VERB_CONCEPTS, .verbosity = args->verbosity};
    struct vitlrp_error err;
    struct gallery_choice choice;
    struct concepts_recall recall;
    for (size_t i = 0; i < sizeof OF_PAGE / sizeof OF_PAGE[0]; i++) {
        own.value[OF_PAGE[i]] = args->value[OF_PAGE[i]];
    }
    enum exit_code code = console_check(gallery_choose(&own, &choice, &err), CODE_INPUT, &err);
    if (code != CODE_DONE || choice.units == 0) {
        return code;
    }
    enum vitlrp_status status = concepts_recall_open(&own, folder, &recall, &err);
    if (status == VITLRP_UNSUPPORTED) {
        console_tell(console, NO_PAGE, err.message);
    } else {
        code = console_check(status, CODE_INPUT, &err);
    }
    if (status == VITLRP_OK) {
        code = page_of(&recall.args, console);
    }
    concepts_recall_close(&recall);
    return code;
}

enum exit_code concepts_main(const struct args *args, struct console *console) {
    struct vitlrp_error err;
    struct concepts_recall recall;
    if (!concepts_recall_is_meant(args)) {
        return run_command(args, console);
    }
    enum exit_code code = console_check(
        concepts_recall_open(args, args->operands[0], &recall, &err), CODE_INPUT, &err);
    if (code == CODE_DONE) {
        code = run_command(&recall.args, console);
    }
    concepts_recall_close(&recall);
    return code;
}
