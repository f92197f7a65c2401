#include "eval_report.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

static enum vitlrp_status say_table(const struct vitlrp_evaluation *evaluation,
                                    struct vitlrp_error *err) {
    char *data = NULL;
    size_t size = 0;
    TRY(vitlrp_evaluation_table(evaluation, &data, &size, err));
    struct text table = {.data = data, .length = size};
    enum vitlrp_status status = console_write(&table, err);
    vitlrp_free(data);
    return status;
}

enum exit_code eval_report(const struct vitlrp_evaluation *evaluation,
                           const struct eval_files *files, const struct console *console) {
    struct vitlrp_error err;
    struct vitlrp_evaluation_info info;
    enum exit_code code = eval_files_write(files, evaluation);
    if (console->verbosity > 0 && !files->stdout_taken) {
        enum vitlrp_status status = say_table(evaluation, &err);
        code = console_check_also(code, status, CODE_OUTPUT, &err);
    }
    vitlrp_evaluation_info_init(&info);
    vitlrp_evaluation_describe(evaluation, &info);
    if (code != CODE_DONE || info.failed == 0) {
        return code;
    }
    /* Messages about opening a file name it themselves. */
    bool named = strstr(info.first_error, info.first_failed) != NULL;
    char shown[200];
    text_escape_name(shown, sizeof shown, info.first_failed);
    if (info.failed == info.images) {
        err = (struct vitlrp_error){.status = VITLRP_MISMATCH};
        snprintf(err.message, sizeof err.message,
                 "none of the %zu images could be evaluated; the first: %s%s%s", info.images,
                 named ? "" : shown, named ? "" : ": ", info.first_error);
        return console_check(err.status, CODE_INPUT, &err);
    }
    console_warn(console, "%zu of %zu images failed; the first: %s%s%s", info.failed, info.images,
                 named ? "" : shown, named ? "" : ": ", info.first_error);
    return CODE_ITEMS;
}
