#include "cli/verbs.h"

#include <string.h>

#include "base/mem.h"
#include "cli/explain_session.h"
#include "cli/model_facts.h"
#include "cli/outputs.h"
#include "cli/run_watch.h"
#include "cli/settings.h"
#include "eval_choice.h"
#include "run_journal.h"
#include "tune_report.h"

#define TEXT_LIMIT ((size_t) 1 << 20)

/* A run of tune. */
struct tuning {
    const struct args *args;
    struct console *console;
    struct settings settings;
    struct eval_choice choice;
    struct run_watch watch;
    struct guard guard;
    struct run_journal journal;
    struct vitlrp_model *model; /* owned */
    struct model_record record;
    bool preset_known;
    struct vitlrp_rules preset;
    struct vitlrp_tune_result result;
    enum exit_code stage; /* the code of a failure of what is being done */
};

/* The first trial is the preset; every one is a line for those who asked for them. */
static void show_trial(void *user, const struct vitlrp_tune_trial *trial) {
    struct tuning *tuning = user;
    struct text line = {.limit = 1024};
    if (!tuning->preset_known) {
        tuning->preset = trial->rules;
        tuning->preset_known = true;
    }
    tune_append_trial(&line, trial);
    console_log(tuning->console, 2, line.failed ? "a trial" : line.data);
    text_free(&line);
}

static enum vitlrp_status tuning_search(struct tuning *tuning, struct vitlrp_error *err) {
    struct vitlrp_tune_options options;
    TRY(model_choose(&tuning->settings, tuning->console, &tuning->model, err));
    tuning->stage = CODE_OUTPUT;
    TRY(model_tell(&tuning->settings, tuning->model, tuning->console, err));
    tuning->stage = CODE_INPUT;
    TRY(model_record_take(tuning->model, &tuning->record, err));
    eval_choose_for_model(&tuning->settings, tuning->model, tuning->console, &tuning->choice);
    run_watch_start(tuning->settings.progress, tuning->console, &tuning->watch);
    tuning->choice.options.observer = run_watch_observer(&tuning->watch);
    tuning->choice.options.log =
        (struct vitlrp_log){.write = console_log, .user = (void *) tuning->console};
    tuning->choice.options.journal = tuning->journal.path;
    vitlrp_tune_options_init(&options);
    vitlrp_tune_result_init(&tuning->result);
    options.evaluation = &tuning->choice.options;
    options.tried = show_trial;
    options.user = tuning;
    enum vitlrp_status status = vitlrp_tune(tuning->model, &options, &tuning->result, err);
    run_watch_end();
    return status;
}

/* The settings as the files of -o and --json; both are tried. */
static enum exit_code write_settings(const struct tuning *tuning,
                                     const struct tune_report *report) {
    const char *const paths[] = {tuning->args->value[OPTION_OUTPUT],
                                 tuning->args->value[OPTION_JSON]};
    struct vitlrp_error err;
    json_t *object = NULL;
    enum exit_code code = console_check(tune_settings(report, &object, &err), CODE_OUTPUT, &err);
    for (int i = 0; i < 2 && object != NULL; i++) {
        if (paths[i] != NULL) {
            enum vitlrp_status status = output_write_json(paths[i], object, &err);
            code = console_check_also(code, status, CODE_OUTPUT, &err);
        }
    }
    json_decref(object);
    return code;
}

static enum exit_code tuning_report(struct tuning *tuning) {
    struct vitlrp_error err;
    struct vitlrp_model_info info;
    struct text text = {.limit = TEXT_LIMIT};
    vitlrp_model_info_init(&info);
    vitlrp_model_describe(tuning->model, &info);
    const struct tune_report report = {.result = &tuning->result,
                                       .preset = tuning->preset,
                                       .model = info.name,
                                       .record = &tuning->record,
                                       .dataset = tuning->choice.options.dataset,
                                       .options = &tuning->choice.options,
                                       .settings = &tuning->settings};
    enum exit_code code = write_settings(tuning, &report);
    if (!tuning->console->stdout_taken && tuning->console->verbosity > 0) {
        tune_append_report(&text, &report);
        code = console_check_also(code, console_write(&text, &err), CODE_OUTPUT, &err);
    }
    text_free(&text);
    return code;
}

/* Whether what comes out can be written is found out before the work. */
static enum vitlrp_status check_outputs(struct tuning *tuning, struct vitlrp_error *err) {
    static const char *const OPTIONS[] = {"-o", "--json"};
    const char *const *value = tuning->args->value;
    const char *const paths[] = {value[OPTION_OUTPUT], value[OPTION_JSON]};
    TRY(guard_words(&tuning->guard, tuning->args, tuning->settings.model_path, err));
    TRY(output_claim_each(&tuning->guard, OPTIONS, paths, 2, err));
    tuning->console->stdout_taken = output_is_stdout(paths[0]) || output_is_stdout(paths[1]);
    tuning->settings.inputs = tuning->choice.options.inputs = guard_inputs(&tuning->guard);
    return run_journal_choose(tuning->args, paths[0] != NULL ? paths[0] : paths[1],
                              &tuning->journal, err);
}

static enum exit_code tuning_run(struct tuning *tuning) {
    struct vitlrp_error err = {0};
    enum vitlrp_status status = tuning_search(tuning, &err);
    enum exit_code code = console_check(
        status, err.topic == VITLRP_TOPIC_JOURNAL ? CODE_OUTPUT : tuning->stage, &err);
    if (code == CODE_DONE) {
        return run_journal_end(&tuning->journal, false, tuning_report(tuning), tuning->console);
    }
    if (status == VITLRP_MISMATCH) { /* of these images nothing comes, however often */
        return run_journal_end(&tuning->journal, false, code, tuning->console);
    }
    return run_watch_signal() == 0
               ? code
               : run_journal_end(&tuning->journal, true, run_watch_code(), tuning->console);
}

static enum exit_code tuning_read(struct tuning *tuning) {
    struct vitlrp_error err;
    enum vitlrp_status status = settings_read(tuning->args, &tuning->settings, &err);
    if (status == VITLRP_OK) {
        status = eval_choose(tuning->args, &tuning->settings, &tuning->choice, &err);
    }
    enum exit_code code = console_check(status, CODE_INPUT, &err);
    return code == CODE_DONE ? console_check(check_outputs(tuning, &err), CODE_OUTPUT, &err) : code;
}

enum exit_code tune_main(const struct args *args, struct console *console) {
    struct vitlrp_error err;
    struct tuning *tuning = mem_calloc(1, sizeof *tuning); /* too large for a small stack */
    if (tuning == NULL) {
        return console_check(fail(&err, VITLRP_NOMEM, "out of memory for a search"), CODE_INPUT,
                             &err);
    }
    tuning->args = args;
    tuning->console = console;
    tuning->stage = CODE_INPUT;
    enum exit_code code = tuning_read(tuning);
    if (code == CODE_DONE) {
        code = tuning_run(tuning);
    }
    run_journal_free(&tuning->journal);
    model_record_free(&tuning->record);
    vitlrp_model_close(tuning->model);
    eval_choice_free(&tuning->choice);
    guard_free(&tuning->guard);
    mem_free(tuning);
    return code;
}
