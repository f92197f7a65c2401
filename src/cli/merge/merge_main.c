#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "cli/batch/batch_merge.h"
#include "cli/concepts/concepts_merge.h"
#include "cli/eval/eval_files.h"
#include "cli/eval/eval_report.h"
#include "cli/verbs.h"

#define EVALUATION "vitlrp evaluation "
#define RUN_LIMIT ((size_t) 1 << 30)

static enum vitlrp_status records_merge(const struct args *args, struct vitlrp_evaluation **out,
                                        struct vitlrp_error *err) {
    TRY(vitlrp_evaluation_open(args->operands, args->operand_count, out, err));
    if (args->value[OPTION_REFERENCE] == NULL) {
        return VITLRP_OK;
    }
    return error_prefix(err, vitlrp_evaluation_compare(*out, args->value[OPTION_REFERENCE], err),
                        "--reference");
}

/* True for the folder of an evaluation that runs, or was ended. */
static bool is_journal(const char *folder) {
    struct text path = {.limit = (size_t) 1 << 16};
    struct vitlrp_error ignored;
    json_t *run = NULL;
    text_printf(&path, "%s/run.json", folder);
    if (!path.failed && json_read_object(path.data, RUN_LIMIT, &run, &ignored) != VITLRP_OK) {
        run = NULL;
    }
    const char *format = json_get_string(run, "format");
    bool found = format != NULL && strncmp(format, EVALUATION, strlen(EVALUATION)) == 0;
    json_decref(run);
    text_free(&path);
    return found;
}

static bool is_unfinished(const struct vitlrp_evaluation *evaluation,
                          struct vitlrp_evaluation_info *info) {
    vitlrp_evaluation_info_init(info);
    vitlrp_evaluation_describe(evaluation, info);
    return info->cancelled != 0;
}

/* Options of the page of an index. */
static enum vitlrp_status check_options(const struct args *args, struct vitlrp_error *err) {
    static const enum option_id UNREAD[] = {OPTION_GALLERY, OPTION_NO_PICTURES, OPTION_TEST_IMAGES};
    for (size_t i = 0; i < sizeof UNREAD / sizeof UNREAD[0]; i++) {
        if (args->value[UNREAD[i]] != NULL) {
            return fail(err, VITLRP_USAGE, "--%s: an evaluation has none",
                        option_table()[UNREAD[i]].name);
        }
    }
    return VITLRP_OK;
}

enum exit_code merge_main(const struct args *args, struct console *console) {
    struct vitlrp_error err;
    struct eval_files files = {0};
    struct vitlrp_evaluation *evaluation = NULL;
    struct vitlrp_evaluation_info info;
    if (args->operand_count == 0) {
        console_error("merge takes the JSON files of an evaluation's shards, or the folders of a "
                      "batch's or an index's (see vitlrp merge --help)");
        return CODE_USAGE;
    }
    if (concepts_merge_is_meant(args)) {
        return concepts_merge_main(args, console);
    }
    if (batch_merge_is_meant(args) && !is_journal(args->operands[0])) {
        return batch_merge_main(args, console);
    }
    enum exit_code code = console_check(check_options(args, &err), CODE_USAGE, &err);
    if (code == CODE_DONE) {
        code = console_check(eval_files_plan(args, NULL, &files, &err), CODE_OUTPUT, &err);
    }
    if (code == CODE_DONE) {
        console->stdout_taken = files.stdout_taken;
        code = console_check(records_merge(args, &evaluation, &err), CODE_INPUT, &err);
    }
    if (code == CODE_DONE && is_unfinished(evaluation, &info)) {
        console_warn(console, "the run is not finished: this is a report of %zu of %zu images",
                     info.images, info.manifest);
    }
    if (code == CODE_DONE) {
        code = eval_report(evaluation, &files, console);
    }
    vitlrp_evaluation_close(evaluation);
    eval_files_free(&files);
    return code;
}
