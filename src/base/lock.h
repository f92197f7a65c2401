/* Who may write into the folder of a run: one process for the whole of it, or one for each shard.
 */
#ifndef BASE_LOCK_H
#define BASE_LOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "base/text.h"

struct lock {
    bool missing; /* a file system without locks: nothing keeps another process out */
    int folder;   /* descriptors; -1 */
    int shard;
    struct text folder_path, shard_path; /* owned */
};

/* Takes the folder's lock: alone, or together with the other shards for one shard of several. IO,
 * naming the owner, if it is taken. `hidden` is the run's hidden folder, which is there. */
enum vitlrp_status lock_take(const char *hidden, int32_t shard, int32_t shards, struct lock *lock,
                             struct vitlrp_error *err);

/* Gives back what was taken, after a failure too. */
void lock_release(struct lock *lock);

#endif
