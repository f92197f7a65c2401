/* The shards of a batch, found in the folders that hold them, become one run. */
#ifndef CLI_BATCH_MERGE_H
#define CLI_BATCH_MERGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/journal.h"
#include "base/json.h"
#include "base/status.h"
#include "batch_plan.h"
#include "cli/args.h"
#include "cli/console.h"

/* One shard, or a run that is not divided. */
struct batch_part {
    const char *folder;
    int32_t shard, shards;
    json_t *config;             /* owned */
    struct batch_choice choice; /* what it says of the images' files; no more */
    bool several;               /* likewise: their names have the class */
    struct journal journal;
};

struct batch_shards {
    struct batch_part *parts; /* owned: by shard */
    size_t count, capacity;
    size_t images; /* of all together */
};

/* Finds them in the folders. MISMATCH, naming them, for shards that are missing, there twice, not
 * complete or of different settings. batch_shards_close releases it, after a failure too. */
enum vitlrp_status batch_shards_open(const char *const *folders, size_t count,
                                     struct batch_shards *shards, struct vitlrp_error *err);

void batch_shards_close(struct batch_shards *shards);

/* True if the first operand is a folder. */
bool batch_merge_is_meant(const struct args *args);

enum exit_code batch_merge_main(const struct args *args, struct console *console);

#endif
