/* Who may write into the folder of a run: one process for the whole of it, or one for each shard.
 */
#ifndef BASE_LOCK_H
#define BASE_LOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

struct lock {
    bool missing; /* a file system without locks: nothing keeps another process out */
    int folder;   /* descriptors; -1 */
    int shard;
    int hidden;   /* the caller's: the folder where the lock files lie */
    char own[40]; /* name of the shard's */
};

/* Takes the folder's lock: alone, or together with the other shards for one shard of several. IO,
 * naming the owner, if it is taken. `hidden` is the run's hidden folder, which stays open as long
 * as the lock. */
enum vitlrp_status lock_take(int hidden, int32_t shard, int32_t shards, struct lock *lock,
                             struct vitlrp_error *err);

/* Gives back what was taken, after a failure too. */
void lock_release(struct lock *lock);

#endif
