/* The command vitlrp. Holds nothing but the choice of the verb: what a verb does is in its own
 * file.
 */
#include "args.h"
#include "cli/batch/batch_main.h"
#include "cli/bench/bench.h"
#include "cli/eval/eval_main.h"
#include "cli/eval/tune_main.h"
#include "cli/explain/explain.h"
#include "console.h"
#include "general.h"
#include "info.h"

static enum exit_code run(const struct args *args) {
    static enum exit_code (*const VERBS[VERB_COUNT])(const struct args *, struct console *) = {
        [VERB_EXPLAIN] = explain_main, [VERB_BATCH] = batch_main, [VERB_EVAL] = eval_main,
        [VERB_MERGE] = merge_main,     [VERB_TUNE] = tune_main,   [VERB_INFO] = info_main,
        [VERB_BENCH] = bench_main,
    };
    struct console console = {.verbosity = args->verbosity};
    if (general_is_wanted(args)) {
        return general_main(args);
    }
    return VERBS[args->verb](args, &console);
}

int main(int argc, char **argv) {
    struct vitlrp_error err;
    struct args args;
    general_guard_streams();
    if (argc < 2) {
        return (int) general_usage();
    }
    enum exit_code code = console_check(args_parse(argc, argv, &args, &err), CODE_INPUT, &err);
    if (code == CODE_DONE) {
        code = run(&args);
    }
    args_free(&args);
    return (int) code;
}
