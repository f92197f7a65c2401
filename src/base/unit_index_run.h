/* run.json of an index of hidden units (base/unit_index): what its state belongs to. */
#ifndef BASE_UNIT_INDEX_RUN_H
#define BASE_UNIT_INDEX_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "base/sha256.h"
#include "base/status.h"
#include "vitlrp_types.h"

#define UNIT_INDEX_STATE "state.bin"
#define UNIT_INDEX_MOST_KEEP 1000

/* What readers of an index need of it; the strings are the record's. */
struct unit_index_run {
    json_t *record; /* owned */
    enum vitlrp_site site;
    int64_t keep;
    unsigned kinds;  /* as of unit_index_shape */
    bool class_sums; /* relevance is added up by class */
    const char *statistic, *method, *dataset, *model, *weights_sha256;
    int32_t shard, shards; /* 0 of 1 of a whole run */
    char identity[SHA256_TEXT];
};

/* FORMAT for another record, and for one whose members are not what runs write. *out is owned:
 * unit_index_run_close, after a failure too. */
enum vitlrp_status unit_index_run_parse(const char *bytes, size_t size, struct unit_index_run *out,
                                        struct vitlrp_error *err);
void unit_index_run_close(struct unit_index_run *run);

/* The hash of all in a record that decides about the values, which its state carries: not the
 * names by which things were called, and not the part of the work, so that it is that of every
 * shard. */
enum vitlrp_status unit_index_run_identity(const json_t *record, char digest[SHA256_TEXT],
                                           struct vitlrp_error *err);

/* The shard of a record; 0 of 1 of a whole run. FORMAT for none. */
enum vitlrp_status unit_index_run_shard(const json_t *record, int32_t *shard, int32_t *shards,
                                        struct vitlrp_error *err);

#endif
