/* run.json: what decides about the results of a batch. A run that is resumed, and the shards
 * of one run, must agree in it. */
#ifndef CLI_BATCH_CONFIG_H
#define CLI_BATCH_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/json.h"
#include "base/sha256.h"
#include "base/status.h"
#include "batch_plan.h"
#include "cli/explain_session.h"

/* The configuration of a run; `state` has an open session. *out is owned: json_decref. */
enum vitlrp_status batch_config_make(const struct batch_plan *plan,
                                     const struct explain_session *state, json_t **out,
                                     struct vitlrp_error *err);

/* Of settings, or of another object, as one line. */
enum vitlrp_status batch_config_hash(const json_t *settings, char digest[SHA256_TEXT],
                                     struct vitlrp_error *err);

/* Reads a file of that kind; one of the older format becomes one of this. FORMAT for another one.
 * *out is owned: json_decref. */
enum vitlrp_status batch_config_read(const char *path, json_t **out, struct vitlrp_error *err);

/* FORMAT, naming the member, unless everything that is read of the record has its type and range.
 */
enum vitlrp_status batch_config_check(const json_t *config, struct vitlrp_error *err);

/* What it says of the files of each image and of its shard, the other members empty. *several:
 * names have the class. FORMAT for what no run writes. */
enum vitlrp_status batch_config_choice(const json_t *config, struct batch_choice *choice,
                                       bool *several, struct vitlrp_error *err);

/* Its file. */
enum vitlrp_status batch_config_write(const json_t *config, struct text *out,
                                      struct vitlrp_error *err);

/* MISMATCH, naming what differs with both values, unless the runs are one but for the shard, the
 * names by which dataset and model were called, and what the images' files hold. `first` and
 * `second` name them in the message. */
enum vitlrp_status batch_config_compare(const json_t *a, const json_t *b, const char *first,
                                        const char *second, struct vitlrp_error *err);

/* MISMATCH unless the images' files held the same, as far as both say so. */
enum vitlrp_status batch_config_compare_content(const json_t *a, const json_t *b,
                                                struct vitlrp_error *err);

/* The number of images of all shards together; FORMAT if it is not stated. */
enum vitlrp_status batch_config_images(const json_t *config, size_t *images,
                                       struct vitlrp_error *err);

#endif
