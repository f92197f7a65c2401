#include "base/file.h"
#include "base/mem.h"
#include "cli/batch/batch_merge.h"
#include "cli/eval/eval_files.h"
#include "cli/eval/eval_report.h"
#include "cli/verbs.h"

/* Of one record; as much as the library writes. */
#define RECORD_LIMIT ((size_t) 1 << 33)

static enum vitlrp_status read_record(const char *path, struct vitlrp_evaluation **out,
                                      struct vitlrp_error *err) {
    struct bytes bytes;
    TRY(file_read(path, RECORD_LIMIT, &bytes, err));
    enum vitlrp_status status = vitlrp_evaluation_read(bytes.data, bytes.size, out, err);
    bytes_free(&bytes);
    return error_prefix(err, status, path);
}

static enum vitlrp_status records_merge(const struct args *args, struct vitlrp_evaluation **out,
                                        struct vitlrp_error *err) {
    size_t count = args->operand_count;
    enum vitlrp_status status = VITLRP_OK;
    struct vitlrp_evaluation **parts = mem_calloc(count, sizeof *parts);
    if (parts == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for %zu records", count);
    }
    for (size_t i = 0; i < count && status == VITLRP_OK; i++) {
        status = read_record(args->operands[i], &parts[i], err);
    }
    if (status == VITLRP_OK) {
        status = vitlrp_evaluation_merge((const struct vitlrp_evaluation *const *) parts, count,
                                         out, err);
    }
    if (status == VITLRP_OK && args->value[OPTION_REFERENCE] != NULL) {
        status = vitlrp_evaluation_compare(*out, args->value[OPTION_REFERENCE], err);
        error_prefix(err, status, "--reference");
    }
    for (size_t i = 0; i < count; i++) {
        vitlrp_evaluation_close(parts[i]);
    }
    mem_free(parts);
    return status;
}

enum exit_code merge_main(const struct args *args, struct console *console) {
    struct vitlrp_error err;
    struct eval_files files = {0};
    struct vitlrp_evaluation *evaluation = NULL;
    if (args->operand_count == 0) {
        console_error("merge takes the JSON files of an evaluation's shards, or the folders of a "
                      "batch's (see vitlrp merge --help)");
        return CODE_USAGE;
    }
    if (batch_merge_is_meant(args)) {
        return batch_merge_main(args, console);
    }
    enum exit_code code =
        console_check(eval_files_plan(args, NULL, &files, &err), CODE_OUTPUT, &err);
    if (code == CODE_DONE) {
        console->stdout_taken = files.stdout_taken;
        code = console_check(records_merge(args, &evaluation, &err), CODE_INPUT, &err);
    }
    if (code == CODE_DONE) {
        code = eval_report(evaluation, &files, console);
    }
    vitlrp_evaluation_close(evaluation);
    eval_files_free(&files);
    return code;
}
