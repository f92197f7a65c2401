/* The verbs of the command. Each reads its options and operands from args, says what there is to
 * say, and returns the exit code. */
#ifndef CLI_VERBS_H
#define CLI_VERBS_H

#include "args.h"
#include "console.h"

/* Images in, heat maps and numbers out. */
enum exit_code explain_main(const struct args *args, struct console *console);

/* Methods or gammas side by side, in one figure. */
enum exit_code compare_main(const struct args *args, struct console *console);

/* The hidden neurons or heads that a decision went through. */
enum exit_code neurons_main(const struct args *args, struct console *console);

/* Every image of a dataset, into a folder. */
enum exit_code batch_main(const struct args *args, struct console *console);

/* What the hidden units of a model stand for: an index over a dataset. */
enum exit_code concepts_main(const struct args *args, struct console *console);

/* Methods over a dataset, and how faithful their maps are. */
enum exit_code eval_main(const struct args *args, struct console *console);

/* The shards of one evaluation, of one batch or of one index of units, together. */
enum exit_code merge_main(const struct args *args, struct console *console);

/* Gammas for a model, found on images and judged on others. */
enum exit_code tune_main(const struct args *args, struct console *console);

/* A run once more, from its record; compares all figures. */
enum exit_code rerun_main(const struct args *args, struct console *console);

/* What is in a weights file, and what running it takes. */
enum exit_code info_main(const struct args *args, struct console *console);

/* How long a forward pass and each method take, beside the machine's own matrix product measured in
 * the same rounds. */
enum exit_code bench_main(const struct args *args, struct console *console);

#endif
