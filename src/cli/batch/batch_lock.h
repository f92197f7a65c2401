/* Who may write into the folder of a batch: one process for the whole of it, or one for each shard.
 */
#ifndef CLI_BATCH_LOCK_H
#define CLI_BATCH_LOCK_H

#include <stdint.h>

#include "base/status.h"
#include "base/text.h"
#include "cli/console.h"

struct batch_lock {
    int folder; /* descriptors; -1 */
    int shard;
    struct text folder_path, shard_path; /* owned */
};

/* Takes the folder's lock: alone, or together with the other shards for one shard of several. IO,
 * naming the owner, if it is taken. `hidden` is the batch's hidden folder, which is there. A file
 * system without locks is warned of. */
enum vitlrp_status batch_lock_take(const char *hidden, int32_t shard, int32_t shards,
                                   const struct console *console, struct batch_lock *lock,
                                   struct vitlrp_error *err);

/* Gives back what was taken, after a failure too. */
void batch_lock_release(struct batch_lock *lock);

#endif
