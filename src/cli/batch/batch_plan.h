/* What a run of batch will do, before it does anything: what its options mean, which images of
 * which dataset, and under which names their results will lie. */
#ifndef CLI_BATCH_PLAN_H
#define CLI_BATCH_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "base/status.h"
#include "base/text.h"
#include "cli/args.h"
#include "cli/console.h"
#include "cli/settings.h"
#include "vitlrp_eval.h"

/* A percentage of fewer images says nothing. */
#define BATCH_LIMIT_LEAST 20

struct batch_limit {
    const char *text; /* as it was given; NULL: there is no limit */
    bool is_percentage;
    double most;
};

/* "5" or "2.5%"; false for anything else. The text must outlive the limit. */
bool batch_limit_parse(const char *text, struct batch_limit *limit);

/* True if `failed` images of the `done` ones are too many. */
bool batch_limit_is_passed(const struct batch_limit *limit, size_t failed, size_t done);

/* Kinds of files: those of --write in the order of its words, then those of the contact sheet,
 * which every run has that writes pictures. Lines of older programs may lack these. */
enum batch_file {
    BATCH_PNG,
    BATCH_JPG,
    BATCH_RAW,
    BATCH_LOGITS,
    BATCH_INPUT,
    BATCH_JSON,
    BATCH_FILES,
    BATCH_PHOTO = BATCH_FILES, /* the photograph, small */
    BATCH_THUMB,               /* and with the map over it */
    BATCH_KINDS
};

struct batch_choice {
    const char *dataset;
    const char *truth;  /* NULL: none given */
    const char *folder; /* NULL: not known yet (bench) */
    bool writes[BATCH_FILES];
    int32_t limit; /* 0: all */
    int32_t shard, shards;
    bool retry_failed, dry_run;
    struct batch_limit max_failures; /* of a run, not of all that led to the results */
};

/* Reads the one operand and the options that are batch's alone. USAGE names the option. Strings
 * stay owned by args. */
enum vitlrp_status batch_choose(const struct args *args, struct batch_choice *choice,
                                struct vitlrp_error *err);

/* As --write takes it. */
const char *batch_file_word(enum batch_file file);

/* True if a run of this choice writes the kind. */
bool batch_choice_writes(const struct batch_choice *choice, enum batch_file file);

/* The folder below that of the results which holds files of the kind; "": that one itself. */
const char *batch_file_folder(enum batch_file file);

/* True for a kind of which each explained class has its own. */
bool batch_file_is_of_class(enum batch_file file);

struct batch_plan {
    const struct batch_choice *choice;
    struct vitlrp_dataset *dataset; /* owned: of all shards */
    struct vitlrp_dataset_info info;
    bool is_folder; /* the dataset; else a list */
    size_t count;   /* images of the shard */
};

/* Finds the images. USAGE for two images whose files would have one name, where the choice writes
 * any, and for an output folder within the dataset's. batch_plan_close releases it, after a failure
 * too. */
enum vitlrp_status batch_plan_open(const struct batch_choice *choice,
                                   const struct settings *settings,
                                   const struct vitlrp_model *model, struct batch_plan *plan,
                                   struct vitlrp_error *err);

/* Says which files of the data set are left out. */
void batch_plan_warn(const struct batch_plan *plan, const struct console *console);

void batch_plan_close(struct batch_plan *plan);

/* A folder that is no longer there, a mount say, takes all its images along: no fault of theirs. */
bool batch_plan_is_gone(const struct batch_plan *plan);

/* The image at that place of a dataset; an empty one beyond it. */
struct vitlrp_dataset_image batch_image_at(const struct vitlrp_dataset *dataset, size_t index);

/* The shard's image at that place, place < count. */
struct vitlrp_dataset_image batch_plan_image(const struct batch_plan *plan, size_t place);

/* For a run that begins: USAGE if a file that it would write is there already. Of several classes,
 * the names are not known yet. */
enum vitlrp_status batch_plan_check_new(const struct batch_plan *plan, bool several_classes,
                                        struct vitlrp_error *err);

#define BATCH_HIDDEN ".vitlrp"
#define BATCH_PAGE "index.html"
#define BATCH_THUMBS "thumbs"

/* An image's place below the folder, without the extension: its own place below the dataset; of an
 * absolute path, below the root. USAGE for one with "..". */
enum vitlrp_status batch_stem(const char *id, struct text *out, struct vitlrp_error *err);

/* What comes behind the stem. class_index -1: there is one class only. */
void batch_append_suffix(struct text *out, enum batch_file file, int32_t class_index);

/* The length of the stem to which the suffix of this kind makes the name (several: with a class);
 * 0 if it is no such name. */
size_t batch_stem_length(const char *name, size_t length, enum batch_file file, bool several);

/* True for what a run calls its own files and folder, directly in the folder of the results. */
bool batch_name_is_control(const char *name);

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
