/* Records of one run put together without their images in memory: shards in files, and journals of
 * shards that still run. */
#ifndef EVAL_JOIN_H
#define EVAL_JOIN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "eval/record.h"

/* As record_merge, but takes the parts over, failing or not: those that are there are zeroed. With
 * `unfinished`, images and whole shards may be missing; the record is "cancelled" then. *out is
 * owned: record_free. */
enum vitlrp_status record_join(struct record *parts, size_t count, bool unfinished,
                               struct record *out, struct vitlrp_error *err);

/* Opens each path, a record's file or a journal's folder, and joins them; one of several paths
 * names the path it fails for. Where a journal is among them, the run may be unfinished. *out is
 * owned. */
enum vitlrp_status record_join_paths(const char *const *paths, size_t count, struct record *out,
                                     struct vitlrp_error *err);

#endif
