/* One image of a batch, from the bytes of its file to the bytes of its results. Touches no file. */
#ifndef CLI_BATCH_ITEM_H
#define CLI_BATCH_ITEM_H

#include <stddef.h>

#include "base/file.h"
#include "base/journal.h"
#include "base/json.h"
#include "base/sha256.h"
#include "base/status.h"
#include "base/text.h"
#include "batch_plan.h"
#include "cli/explain_session.h"
#include "vitlrp_eval.h"

/* A file to be written. */
struct batch_output {
    char *path;          /* owned: below the folder of the batch */
    unsigned char *data; /* owned */
    size_t size;
    void (*release)(void *data);
};

struct batch_item {
    size_t place;
    struct vitlrp_dataset_image image;
    struct bytes bytes;        /* owned: the image's file */
    char sha256[SHA256_TEXT];  /* of these bytes; "": they could not be read */
    enum vitlrp_status status; /* of the image: it may have failed */
    struct vitlrp_error err;

    struct batch_output *outputs; /* owned */
    size_t output_count, output_capacity;
    enum journal_state state;
    struct text line; /* owned: of the results, with its newline */
};

/* Explains the image and fills the results: the outputs and the line, or for an image that failed
 * the line alone. A failure of this function is one that other images would meet too, or CANCELLED,
 * by the session's observer. */
enum vitlrp_status batch_item_explain(struct batch_item *item, const struct batch_choice *choice,
                                      struct explain_session *state, struct vitlrp_error *err);

/* Why the image failed, without its path in front: a path may differ between the machines of a run,
 * and reports have the image's name. */
const char *batch_item_message(const struct batch_item *item);

/* Sets what the model said first, whichever class was explained; nothing where outputs are words.
 */
void batch_set_prediction(json_t *line, const struct explain_session *state, bool *complete);

/* Releases what the item holds. */
void batch_item_free(struct batch_item *item);

#endif
