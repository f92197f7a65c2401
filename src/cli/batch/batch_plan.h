/* What a batch has to do: the images of its dataset, and where each one's files go. Everything that
 * can be wrong with the names is found here, before any work. */
#ifndef CLI_BATCH_PLAN_H
#define CLI_BATCH_PLAN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "base/text.h"
#include "batch_choice.h"
#include "cli/settings.h"
#include "vitlrp_eval.h"

struct batch_plan {
    const struct batch_choice *choice;
    struct vitlrp_dataset *dataset; /* owned: of all shards */
    struct vitlrp_dataset_info info;
    bool is_folder; /* the dataset; else a list */
    size_t count;   /* images of the shard */
};

/* Finds the images. USAGE for two images whose files would have one name, and for an output folder
 * within the dataset's. batch_plan_close releases it, after a failure too. */
enum vitlrp_status batch_plan_open(const struct batch_choice *choice,
                                   const struct settings *settings,
                                   const struct vitlrp_model *model, struct batch_plan *plan,
                                   struct vitlrp_error *err);

void batch_plan_close(struct batch_plan *plan);

/* The shard's image at that place, place < count. */
struct vitlrp_dataset_image batch_plan_image(const struct batch_plan *plan, size_t place);

/* For a run that begins: USAGE if a file that it would write is there already. Of several classes,
 * the names are not known yet. */
enum vitlrp_status batch_plan_check_new(const struct batch_plan *plan, bool several_classes,
                                        struct vitlrp_error *err);

#endif
