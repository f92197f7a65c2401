/* A folder (base/run_folder) that keeps the images of a running evaluation, each as soon as it is
 * done: run.json is the record without images, with all classes of the model, and a line of
 * results.jsonl is an image as in the record, in any order, or "open" for one that must be done
 * again. */
#ifndef EVAL_EVAL_JOURNAL_H
#define EVAL_EVAL_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "eval/eval_run.h"
#include "eval/item.h"
#include "eval/record.h"

struct eval_journal;

/* The images of a shard, and where their files are. */
struct eval_journal_images {
    size_t count;
    const struct eval_item *items; /* [count]; NULL: no file is looked at */
    const char *const *manifest;   /* paths by index, of images whose patches stood in others; NULL:
                                      there are none */
    const struct eval_run_method *methods; /* as in `head`, whose maps may be read from folders;
                                              NULL: none is */
    const char *truth_masks;               /* a folder; NULL: there are no masks */
    bool retry_failed;                     /* images that failed are open again */
};

/* Begins the run in this folder, which is created if it is not there, or resumes it. `head` is the
 * record without images; it must outlive the journal. Of a run that is resumed, images whose files
 * (their own, a donor's, a map or a mask) have changed since they were done are open again; one
 * that cannot be read now has not changed.
 * USAGE, naming the first thing that differs, for another run's folder, and for one with files in
 * the way; IO if another process writes here. *journal is owned: eval_journal_close. */
enum vitlrp_status eval_journal_open(const char *path, const struct record *head,
                                     const struct eval_journal_images *images,
                                     struct eval_journal **journal, struct vitlrp_error *err);

/* True if nothing keeps another process out: the file system has no locks. */
bool eval_journal_is_unlocked(const struct eval_journal *journal);

/* True if the image at that place of the shard is done. */
bool eval_journal_has(const struct eval_journal *journal, size_t place);

/* Images that are done, and those of them that failed. */
size_t eval_journal_done(const struct eval_journal *journal);
size_t eval_journal_failed(const struct eval_journal *journal);

/* Images that were done, and are open again since their files have changed. */
size_t eval_journal_changed(const struct eval_journal *journal);

/* Adds an image. Any thread. After a failure the journal is as it was. */
enum vitlrp_status eval_journal_add(struct eval_journal *journal, const struct eval_image *image,
                                    struct vitlrp_error *err);

/* What is done, as a store for an evaluation, in which *count is the number of images. Everything
 * is on the disk by then. */
enum vitlrp_status eval_journal_store(const struct eval_journal *journal, struct eval_store **store,
                                      size_t *count, struct vitlrp_error *err);

/* NULL is fine. The folder stays, unless no image was done. */
void eval_journal_close(struct eval_journal *journal);

/* The record of what is done by now, by the process that may still be writing; "cancelled" if that
 * is not all. *out is owned: record_free. */
enum vitlrp_status eval_journal_look(const char *path, struct record *out,
                                     struct vitlrp_error *err);

#endif
