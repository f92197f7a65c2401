#include "bench.h"
#include "cli/verbs.h"

#include <string.h>

#include "base/mem.h"
#include "bench_measure.h"
#include "bench_report.h"
#include "cli/guard.h"
#include "cli/outputs.h"
#include "cli/settings.h"

#define REPORT_LIMIT ((size_t) 1 << 20)

/* Refuses what a measurement would not read, and results without a name. */
static enum vitlrp_status check_options(const struct args *args, const struct settings *settings,
                                        struct vitlrp_error *err) {
    static const enum option_id UNREAD[] = {OPTION_CROP, OPTION_METHOD, OPTION_RUNS};
    bool eval = args->value[OPTION_EVAL] != NULL;
    bool batch = args->value[OPTION_BATCH] != NULL;
    bool throughput = args->value[OPTION_THROUGHPUT] != NULL;
    const char *name = eval ? "eval" : batch ? "batch" : "throughput";
    if (eval + batch + throughput > 1) {
        return fail(err, VITLRP_USAGE, "--%s and --%s are two measurements: give one", name,
                    eval && batch ? "batch" : "throughput");
    }
    if ((eval || batch || throughput) && settings->every_precision) {
        return fail(err, VITLRP_USAGE,
                    "--precision all cannot be used with --%s, which measures one precision", name);
    }
    if ((eval || batch || throughput) && strcmp(settings->backend, "all") == 0) {
        return fail(err, VITLRP_USAGE,
                    "--backend all cannot be used with --%s, which measures one backend", name);
    }
    if (args->value[OPTION_LIMIT] != NULL && !eval && !batch) {
        return fail(err, VITLRP_USAGE, "--limit is of --eval and --batch");
    }
    for (size_t i = 0; eval && i < sizeof UNREAD / sizeof UNREAD[0]; i++) {
        if (args->value[UNREAD[i]] != NULL) {
            return fail(err, VITLRP_USAGE, "--eval does not read --%s",
                        option_table()[UNREAD[i]].name);
        }
    }
    return VITLRP_OK;
}

static enum exit_code bench_passes_main(const struct args *args, const struct settings *settings,
                                        const struct console *console) {
    struct vitlrp_error err;
    struct bench *bench = mem_calloc(1, sizeof *bench); /* too large for a small stack */
    if (bench == NULL) {
        return console_check(fail(&err, VITLRP_NOMEM, "out of memory for the measurement"),
                             CODE_INPUT, &err);
    }
    enum exit_code code =
        console_check(bench_measure(args, settings, console, bench, &err), CODE_INPUT, &err);
    if (code == CODE_DONE) {
        struct text table = {.limit = REPORT_LIMIT};
        bench_append_report(&table, &bench->result, console->verbosity > 1);
        code = console_check(bench_write(bench_json(&bench->result), args->value[OPTION_JSON],
                                         &table, console, &err),
                             CODE_OUTPUT, &err);
        text_free(&table);
    }
    bench_close(bench);
    mem_free(bench);
    return code;
}

/* The measurement that is asked for. */
static enum exit_code bench_verb(const struct args *args, const struct settings *settings,
                                 struct console *console) {
    if (args->value[OPTION_EVAL] != NULL) {
        return bench_eval_main(args, settings, console);
    }
    if (args->value[OPTION_BATCH] != NULL) {
        return bench_batch_main(args, settings, console);
    }
    if (args->value[OPTION_THROUGHPUT] != NULL) {
        return bench_throughput_main(args, settings, console);
    }
    return bench_passes_main(args, settings, console);
}

enum exit_code bench_main(const struct args *args, struct console *console) {
    struct vitlrp_error err;
    struct settings settings;
    struct guard guard = {0};
    if (args->operand_count > 0) {
        console_error("bench takes no file (--model FILE measures another model)");
        return CODE_USAGE;
    }
    enum vitlrp_status status = settings_read(args, &settings, &err);
    if (status == VITLRP_OK) {
        status = check_options(args, &settings, &err);
    }
    enum exit_code code = console_check(status, CODE_INPUT, &err);
    if (code == CODE_DONE) {
        status = guard_words(&guard, args, settings.model_path, &err);
        if (status == VITLRP_OK) {
            status = output_claim(&guard, "--json", args->value[OPTION_JSON], &err);
        }
        code = console_check(status, CODE_OUTPUT, &err);
    }
    if (code == CODE_DONE) {
        settings.inputs = guard_inputs(&guard);
        code = bench_verb(args, &settings, console);
    }
    guard_free(&guard);
    return code;
}
