#include "cli/verbs.h"

#include "base/words.h"
#include "cli/explain_session.h"
#include "cli/model_facts.h"
#include "cli/run_record.h"
#include "cli/run_watch.h"
#include "cli/settings.h"
#include "cli/unit_indexes.h"
#include "eval_choice.h"
#include "eval_files.h"
#include "eval_report.h"
#include "run_journal.h"

/* An evaluation from its options to its end. */
struct eval {
    struct settings settings;
    struct eval_choice choice;
    struct eval_files files;
    struct run_journal journal;
    struct text run;             /* as records state it */
    struct unit_indexes indexes; /* of the means of hidden units */
    struct vitlrp_evaluation *evaluation;
    enum exit_code stage; /* the code of a failure of what is being done */
};

/* An index is read for --replace mean; one for edits has been read by then. */
static enum vitlrp_status choose_means(struct eval *eval, const struct vitlrp_model *model,
                                       const struct console *console, struct vitlrp_error *err) {
    struct vitlrp_eval_options *options = &eval->choice.options;
    enum vitlrp_site site =
        options->units == VITLRP_UNITS_HEAD ? VITLRP_SITE_HEAD : VITLRP_SITE_FC1;
    bool needs = options->units != VITLRP_UNITS_PATCH &&
                 (options->replacements & VITLRP_REPLACEMENT_BIT(VITLRP_REPLACE_MEAN)) != 0;
    if (!needs) {
        return eval->settings.concepts_count == 0 || eval->settings.edit != NULL
                   ? VITLRP_OK
                   : fail(err, VITLRP_USAGE,
                          OPTION_CONCEPTS_NAME ": an index has the means of --units with --replace "
                                               "mean, and of --edit UNIT=mean");
    }
    TRY(unit_indexes_open(&eval->settings, console, &eval->indexes, err));
    TRY(unit_indexes_find(&eval->indexes, site, model, &options->concepts, err));
    return options->concepts != NULL
               ? VITLRP_OK
               : fail(err, VITLRP_USAGE,
                      "--replace mean: there is no index of site %s (vitlrp concepts IMAGES --site "
                      "%s -o FOLDER makes one, and " OPTION_CONCEPTS_NAME " FOLDER gives it)",
                      word_of(WORDS_SITE, site), word_of(WORDS_SITE, site));
}

static enum vitlrp_status evaluation_run(struct eval *eval, const struct console *console,
                                         struct vitlrp_error *err) {
    struct vitlrp_model *model = NULL;
    struct run_watch watch;
    struct eval_choice *choice = &eval->choice;
    TRY(run_append(&eval->settings, &eval->run, err));
    TRY(model_choose(&eval->settings, console, &model, err));
    eval_choose_for_model(&eval->settings, model, console, choice);
    run_watch_start(eval->settings.progress, console, &watch);
    choice->options.observer = run_watch_observer(&watch);
    choice->options.log = (struct vitlrp_log){.write = console_log, .user = (void *) console};
    choice->options.journal = eval->journal.path;
    choice->options.run = eval->run.data;
    eval->stage = CODE_OUTPUT;
    enum vitlrp_status status = model_tell(&eval->settings, model, console, err);
    if (status == VITLRP_OK) {
        eval->stage = CODE_INPUT;
        status = choose_means(eval, model, console, err);
    }
    if (status == VITLRP_OK) {
        status = vitlrp_evaluate(model, &choice->options, &eval->evaluation, err);
    }
    run_watch_end();
    vitlrp_model_close(model);
    return status;
}

static enum exit_code eval_open(const struct args *args, struct eval *eval) {
    struct vitlrp_error err;
    enum vitlrp_status status = settings_read(args, &eval->settings, &err);
    if (status == VITLRP_OK) {
        status = eval_choose(args, &eval->settings, &eval->choice, &err);
    }
    enum exit_code code = console_check(status, CODE_INPUT, &err);
    if (code != CODE_DONE) {
        return code;
    }
    status = eval_files_plan(args, eval->settings.model_path, &eval->files, &err);
    if (status == VITLRP_OK) {
        status = run_journal_choose(args, eval->files.path[EVAL_FILE_JSON], &eval->journal, &err);
    }
    return console_check(status, CODE_OUTPUT, &err);
}

static bool is_cancelled(const struct vitlrp_evaluation *evaluation) {
    struct vitlrp_evaluation_info info;
    vitlrp_evaluation_info_init(&info);
    vitlrp_evaluation_describe(evaluation, &info);
    return info.cancelled != 0;
}

static enum exit_code eval_process(const struct args *args, struct eval *eval,
                                   struct console *console) {
    struct vitlrp_error err = {0};
    enum exit_code code = eval_open(args, eval);
    if (code != CODE_DONE) {
        return code;
    }
    console->stdout_taken = eval->files.stdout_taken;
    eval->settings.inputs = eval->choice.options.inputs = guard_inputs(&eval->files.guard);
    enum vitlrp_status status = evaluation_run(eval, console, &err);
    code =
        console_check(status, err.topic == VITLRP_TOPIC_JOURNAL ? CODE_OUTPUT : eval->stage, &err);
    if (code == CODE_DONE) {
        code = eval_report(eval->evaluation, &eval->files, console);
    }
    if (eval->evaluation != NULL && run_watch_signal() != 0 && code != CODE_OUTPUT) {
        console_warn(console, "stopped; what was done is written");
        code = run_watch_code();
    }
    return eval->evaluation == NULL
               ? code
               : run_journal_end(&eval->journal, is_cancelled(eval->evaluation), code, console);
}

enum exit_code eval_main(const struct args *args, struct console *console) {
    struct eval eval = {.stage = CODE_INPUT};
    enum exit_code code = eval_process(args, &eval, console);
    vitlrp_evaluation_close(eval.evaluation);
    unit_indexes_close(&eval.indexes);
    run_journal_free(&eval.journal);
    text_free(&eval.run);
    eval_choice_free(&eval.choice);
    eval_files_free(&eval.files);
    return code;
}
