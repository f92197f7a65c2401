#define _POSIX_C_SOURCE 200809L
#include <fcntl.h>
#include <string.h>

#include "base/folder.h"
#include "base/mem.h"
#include "cli/outputs.h"
#include "cli/scratch_folder.h"
#include "cli/verbs.h"
#include "rerun_command.h"
#include "rerun_compare.h"
#include "rerun_folder.h"
#include "rerun_inputs.h"
#include "rerun_record.h"
#include "rerun_report.h"

#define REPORT_LIMIT ((size_t) 1 << 24)

/* A run once more: what it is read from, what it is called with, and what comes of it. */
struct rerun {
    const struct args *args;
    struct console *console;
    struct guard guard; /* of the record, which is never written over */
    struct rerun_record record;
    struct scratch_folder scratch;
    struct rerun_command command;
    struct rerun_comparison comparison;
};

static enum vitlrp_status claim_report(struct rerun *rerun, struct vitlrp_error *err) {
    const struct args *args = rerun->args;
    if (args->operand_count != 1) {
        return fail(err, VITLRP_USAGE,
                    "rerun takes one record: a file or a folder (see vitlrp rerun --help)");
    }
    TRY(guard_words(&rerun->guard, args, NULL, err));
    return output_claim(&rerun->guard, "--json", args->value[OPTION_JSON], err);
}

static enum vitlrp_status open_record(struct rerun *rerun, struct vitlrp_error *err) {
    const char *json = rerun->args->value[OPTION_JSON];
    TRY(rerun_record_read(rerun->args->operands[0], &rerun->record, err));
    return json != NULL && rerun->record.folder >= 0 && folder_holds(rerun->record.folder, json)
               ? error_prefix(err, fail(err, VITLRP_USAGE, "--json would overwrite this input"),
                              json)
               : VITLRP_OK;
}

/* In the names of outputs braces are filled in. */
static enum vitlrp_status make_scratch(struct rerun *rerun, struct vitlrp_error *err) {
    TRY(scratch_folder_make(&rerun->scratch, err));
    return strpbrk(rerun->scratch.path, "{}") == NULL
               ? VITLRP_OK
               : fail(err, VITLRP_USAGE,
                      "rerun writes into the folder of TMPDIR, whose name has a brace: give "
                      "another one");
}

static enum vitlrp_status make_command(struct rerun *rerun, struct vitlrp_error *err) {
    enum vitlrp_status status =
        rerun_command_make(&rerun->record, rerun->args, rerun->scratch.path, &rerun->command, err);
    return error_prefix(err, status, rerun->record.path);
}

/* Images that failed are in the results, as they were. */
static enum exit_code run_verb(const struct rerun *rerun, struct console *silent) {
    static enum exit_code (*const VERBS[VERB_COUNT])(const struct args *, struct console *) = {
        [VERB_EXPLAIN] = explain_main,   [VERB_COMPARE] = compare_main,
        [VERB_NEURONS] = neurons_main,   [VERB_BATCH] = batch_main,
        [VERB_CONCEPTS] = concepts_main, [VERB_EVAL] = eval_main,
        [VERB_TUNE] = tune_main};
    enum exit_code code = VERBS[rerun->record.verb](&rerun->command.args, silent);
    return code == CODE_ITEMS ? CODE_DONE : code;
}

static enum vitlrp_status compare_results(struct rerun *rerun, struct vitlrp_error *err) {
    struct text path = {.limit = REPORT_LIMIT};
    struct rerun_list found = {0};
    text_printf(&path, "%s/%s", rerun->scratch.path, rerun_result_name(rerun->record.verb));
    enum vitlrp_status status = text_check(&path, "the name of a file", err);
    if (status == VITLRP_OK && rerun->record.folder >= 0) {
        status = rerun_folder_compare(&rerun->record, path.data, &rerun->comparison, err);
    } else if (status == VITLRP_OK) {
        status = rerun_list_read(AT_FDCWD, path.data, &found, err);
    }
    if (status == VITLRP_OK && rerun->record.folder < 0) {
        rerun_compare_lists(&rerun->comparison, "", &rerun->record.records, &found);
    }
    rerun_list_free(&found);
    text_free(&path);
    scratch_folder_remove(&rerun->scratch); /* whoever reads the report may end this process */
    return status;
}

static enum vitlrp_status write_json(const struct rerun *rerun, struct vitlrp_error *err) {
    json_t *object = NULL;
    const char *path = rerun->args->value[OPTION_JSON];
    if (path == NULL) {
        return VITLRP_OK;
    }
    TRY(rerun_report_json(&rerun->record, &rerun->comparison, &object, err));
    enum vitlrp_status status = output_write_json(path, object, err);
    json_decref(object);
    return status;
}

static enum vitlrp_status report(const struct rerun *rerun, struct vitlrp_error *err) {
    struct text text = {.limit = REPORT_LIMIT};
    if (rerun->comparison.failed) {
        return fail(err, VITLRP_NOMEM, "out of memory for the comparison of two records");
    }
    TRY(write_json(rerun, err));
    if (rerun->console->verbosity == 0 || output_is_stdout(rerun->args->value[OPTION_JSON])) {
        return VITLRP_OK;
    }
    rerun_report_append(&rerun->record, &rerun->comparison, &text);
    enum vitlrp_status status = console_write(&text, err);
    text_free(&text);
    return status;
}

static enum exit_code run(struct rerun *rerun) {
    struct vitlrp_error err;
    struct console silent = {.verbosity = 0, .stdout_taken = true};
    enum exit_code code = console_check(claim_report(rerun, &err), CODE_OUTPUT, &err);
    if (code == CODE_DONE) {
        code = console_check(open_record(rerun, &err), CODE_INPUT, &err);
    }
    if (code == CODE_DONE) {
        code = console_check(make_scratch(rerun, &err), CODE_OUTPUT, &err);
    }
    if (code == CODE_DONE) {
        code = console_check(make_command(rerun, &err), CODE_INPUT, &err);
    }
    if (code == CODE_DONE) {
        code = rerun_inputs_check(&rerun->record, &rerun->command,
                                  rerun->args->value[OPTION_INPUT_ROOT], &silent);
    }
    if (code == CODE_DONE) {
        code = run_verb(rerun, &silent);
    }
    if (code == CODE_DONE) {
        code = console_check(compare_results(rerun, &err), CODE_OUTPUT, &err);
    }
    if (code == CODE_DONE) {
        code = console_check(report(rerun, &err), CODE_OUTPUT, &err);
    }
    return code == CODE_DONE && !rerun_is_equal(&rerun->comparison) ? CODE_ITEMS : code;
}

enum exit_code rerun_main(const struct args *args, struct console *console) {
    struct rerun rerun = {.args = args, .console = console, .record = {.folder = -1}};
    enum exit_code code = run(&rerun);
    rerun_comparison_free(&rerun.comparison);
    rerun_command_free(&rerun.command);
    scratch_folder_remove(&rerun.scratch);
    rerun_record_free(&rerun.record);
    guard_free(&rerun.guard);
    return code;
}
