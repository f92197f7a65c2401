/* Records of one run put together without their images in memory: shards in files, and journals of
 * shards that still run. */
#ifndef EVAL_JOIN_H
#define EVAL_JOIN_H

#include <stddef.h>

#include "base/status.h"
#include "eval/record.h"

/* Opens each path, a record's file or a journal's folder, and puts them together as record_merge
 * does, with its failures; the message of one of several names its path. Where a journal is among
 * them, images and whole shards may be missing, and the record is "cancelled" then. *out is owned:
 * record_free. */
enum vitlrp_status record_join_paths(const char *const *paths, size_t count, struct record *out,
                                     struct vitlrp_error *err);

#endif
