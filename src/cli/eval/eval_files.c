#include "eval_files.h"

#include <string.h>

#include "cli/outputs.h"

static const char *const SPELLED[EVAL_FILES] = {"--json", "--csv", "--html"};

enum vitlrp_status eval_files_plan(const struct args *args, const char *model_path,
                                   struct eval_files *files, struct vitlrp_error *err) {
    const char *const *value = args->value;
    *files =
        (struct eval_files){.path = {value[OPTION_JSON], value[OPTION_CSV], value[OPTION_HTML]}};
    if (args->verb == VERB_MERGE && value[OPTION_OUTPUT] != NULL) {
        if (value[OPTION_JSON] != NULL) {
            return fail(err, VITLRP_USAGE, "-o and --json mean the same here: give one of them");
        }
        files->path[EVAL_FILE_JSON] = value[OPTION_OUTPUT];
    }
    TRY(guard_words(&files->guard, args, model_path, err));
    for (int i = 0; i < EVAL_FILES; i++) {
        files->stdout_taken = files->stdout_taken || output_is_stdout(files->path[i]);
    }
    return output_claim_each(&files->guard, SPELLED, files->path, EVAL_FILES, err);
}

void eval_files_free(struct eval_files *files) {
    guard_free(&files->guard);
}

/* A report on its way into a file. */
struct filling {
    const struct vitlrp_evaluation *evaluation;
    enum vitlrp_status (*make)(const struct vitlrp_evaluation *, const struct vitlrp_sink *,
                               struct vitlrp_error *);
    int descriptor;
    struct vitlrp_error failure; /* of a write */
};

static int32_t write_piece(void *user, const void *data, size_t size) {
    struct filling *filling = user;
    return (int32_t) output_piece(filling->descriptor, data, size, &filling->failure);
}

static enum vitlrp_status fill_file(void *user, int descriptor, struct vitlrp_error *err) {
    struct filling *filling = user;
    const struct vitlrp_sink sink = {.write = write_piece, .user = filling};
    filling->descriptor = descriptor;
    enum vitlrp_status status = filling->make(filling->evaluation, &sink, err);
    return filling->failure.status == VITLRP_OK ? status : error_forward(err, &filling->failure);
}

static enum vitlrp_status write_page(const char *path, const struct vitlrp_evaluation *evaluation,
                                     struct vitlrp_error *err) {
    char *data = NULL;
    size_t size = 0;
    TRY(vitlrp_evaluation_html(evaluation, &data, &size, err));
    enum vitlrp_status status = output_write(path, data, size, err);
    vitlrp_free(data);
    return status;
}

/* A page is some megabytes; the others grow with the images. */
static enum vitlrp_status write_report(const char *path, int kind,
                                       const struct vitlrp_evaluation *evaluation,
                                       struct vitlrp_error *err) {
    struct filling filling = {.evaluation = evaluation,
                              .make = kind == EVAL_FILE_CSV ? vitlrp_evaluation_csv_to
                                                            : vitlrp_evaluation_json_to};
    return kind == EVAL_FILE_HTML ? write_page(path, evaluation, err)
                                  : output_fill(path, fill_file, &filling, err);
}

enum exit_code eval_files_write(const struct eval_files *files,
                                const struct vitlrp_evaluation *evaluation) {
    enum exit_code code = CODE_DONE;
    for (int i = 0; i < EVAL_FILES; i++) {
        struct vitlrp_error err;
        if (files->path[i] != NULL) {
            enum vitlrp_status status = write_report(files->path[i], i, evaluation, &err);
            code = console_check_also(code, status, CODE_OUTPUT, &err);
        }
    }
    return code;
}
