/* What the options of batch mean: which dataset, where to, which files of each image. */
#ifndef CLI_BATCH_CHOICE_H
#define CLI_BATCH_CHOICE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "batch_limit.h"
#include "cli/args.h"

/* Kinds of files, in the order of --write's words. */
enum batch_file {
    BATCH_PNG,
    BATCH_JPG,
    BATCH_RAW,
    BATCH_LOGITS,
    BATCH_INPUT,
    BATCH_JSON,
    BATCH_FILES
};

struct batch_choice {
    const char *dataset;
    const char *truth;  /* NULL: none given */
    const char *folder; /* NULL: not known yet (bench) */
    bool writes[BATCH_FILES];
    int32_t limit; /* 0: all */
    int32_t shard, shards;
    bool retry_failed, dry_run;
    struct batch_limit max_failures; /* of a run, not of all that led to the results */
};

/* Reads the one operand and the options that are batch's alone. USAGE names the option. Strings
 * stay owned by args. */
enum vitlrp_status batch_choose(const struct args *args, struct batch_choice *choice,
                                struct vitlrp_error *err);

/* As --write takes it. */
const char *batch_file_word(enum batch_file file);

#endif
