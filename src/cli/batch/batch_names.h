/* Names in the folder of a batch. Looks at text only, never at the disk.
 *
 *     a/b/x.JPEG                  gives a/b/x.heat.png and the like; with several classes
 *                                 a/b/x.heat.281.png
 *     results.jsonl run.json      of a run that is not divided, or merged
 *     results.2-of-8.jsonl ...    of a shard
 *     .vitlrp/                    locks and files on their way */
#ifndef CLI_BATCH_NAMES_H
#define CLI_BATCH_NAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "base/status.h"
#include "base/text.h"
#include "batch_choice.h"

#define BATCH_HIDDEN ".vitlrp"
#define BATCH_PAGE "index.html"

/* An image's place below the folder, without the extension: its own place below the dataset; of an
 * absolute path, below the root. USAGE for one with "..". */
enum vitlrp_status batch_stem(const char *id, struct text *out, struct vitlrp_error *err);

/* What comes behind the stem. class_index -1: there is one class only. */
void batch_append_suffix(struct text *out, enum batch_file file, int32_t class_index);

/* True if one of the suffixes makes the file's name longer than file systems take. */
bool batch_stem_is_long(const char *stem);

/* "results.2-of-8.jsonl" for ("results", ".jsonl"); "results.jsonl" for one shard of one. */
void batch_append_name(struct text *out, const char *folder, const char *name, const char *ending,
                       int32_t shard, int32_t shards);

/* True if `name` is that of a run's file, of any shard. */
bool batch_parse_run_name(const char *name, int32_t *shard, int32_t *shards);

/* A path of a line of results as the bytes that it stands for, json_text undone. */
void batch_append_path(struct text *out, const char *path, bool escaped);

#endif
