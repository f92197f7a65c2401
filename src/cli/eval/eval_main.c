#include "cli/verbs.h"

#include "cli/explain_session.h"
#include "cli/model_facts.h"
#include "cli/run_watch.h"
#include "cli/settings.h"
#include "eval_choice.h"
#include "eval_files.h"
#include "eval_report.h"

static enum vitlrp_status evaluation_run(const struct settings *settings,
                                         const struct console *console, struct eval_choice *choice,
                                         struct vitlrp_evaluation **evaluation,
                                         struct vitlrp_error *err) {
    struct vitlrp_model *model = NULL;
    struct run_watch watch;
    TRY(model_choose(settings, console, &model, err));
    eval_choose_for_model(settings, model, console, choice);
    run_watch_start(settings->progress, console, &watch);
    choice->options.observer = run_watch_observer(&watch);
    choice->options.log = (struct vitlrp_log){.write = console_log, .user = (void *) console};
    enum vitlrp_status status = model_tell(settings, model, console, err);
    if (status == VITLRP_OK) {
        status = vitlrp_evaluate(model, &choice->options, evaluation, err);
    }
    run_watch_end();
    vitlrp_model_close(model);
    return status;
}

enum exit_code eval_main(const struct args *args, struct console *console) {
    struct vitlrp_error err;
    struct settings settings;
    struct eval_choice choice = {0};
    struct eval_files files = {0};
    struct vitlrp_evaluation *evaluation = NULL;
    enum vitlrp_status status = settings_read(args, &settings, &err);
    if (status == VITLRP_OK) {
        status = eval_choose(args, &settings, &choice, &err);
    }
    enum exit_code code = console_check(status, CODE_INPUT, &err);
    if (code == CODE_DONE) {
        code = console_check(eval_files_plan(args, settings.model_path, &files, &err), CODE_OUTPUT,
                             &err);
    }
    if (code == CODE_DONE) {
        console->stdout_taken = files.stdout_taken;
        settings.inputs = choice.options.inputs = guard_inputs(&files.guard);
        code = console_check(evaluation_run(&settings, console, &choice, &evaluation, &err),
                             CODE_INPUT, &err);
    }
    if (code == CODE_DONE) {
        code = eval_report(evaluation, &files, console);
    }
    if (evaluation != NULL && run_watch_signal() != 0 && code != CODE_OUTPUT) {
        console_warn(console, "stopped; what was done is written");
        code = run_watch_code();
    }
    vitlrp_evaluation_close(evaluation);
    eval_choice_free(&choice);
    eval_files_free(&files);
    return code;
}
