/* The shards of one evaluation put together. Adds nothing up: a merged record is that of a run that
 * was never divided. */
#ifndef EVAL_MERGE_H
#define EVAL_MERGE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "base/text.h"
#include "eval/record.h"

/* MISMATCH, saying which and why, unless the parts are of the same program, weights, manifest,
 * protocol, methods and settings, every shard is there once, and together they have every image of
 * the manifest once. Parts may come in any order and stay as they are. *out is owned: record_free.
 */
enum vitlrp_status record_merge(const struct record *const *parts, size_t count, struct record *out,
                                struct vitlrp_error *err);

/* All of the merged record but its images. With `unfinished`, images and whole shards may be
 * missing. *out is owned: record_free. */
enum vitlrp_status record_merge_head(const struct record *const *parts, size_t count,
                                     bool unfinished, struct record *out, struct vitlrp_error *err);

/* Appends what makes `b` another run than `a`; nothing if it is none. Images and the place of a
 * shard among the others are not looked at. */
enum vitlrp_status record_difference(const struct record *a, const struct record *b,
                                     struct text *out, struct vitlrp_error *err);

#endif
