/* The shards of one evaluation put together. Adds nothing up: a merged record is that of a run that
 * was never divided. */
#ifndef EVAL_MERGE_H
#define EVAL_MERGE_H

#include <stddef.h>

#include "base/status.h"
#include "eval/record.h"

/* MISMATCH, saying which and why, unless the parts are of the same program, weights, manifest,
 * protocol, methods and settings, every shard is there once, and together they have every image of
 * the manifest once. Parts may come in any order and stay as they are. *out is owned: record_free.
 */
enum vitlrp_status record_merge(const struct record *const *parts, size_t count, struct record *out,
                                struct vitlrp_error *err);

#endif
