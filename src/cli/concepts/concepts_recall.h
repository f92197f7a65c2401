/* The command of a run over hidden units, from the record in its folder: for who names the folder
 * in the place of the images. */
#ifndef CLI_CONCEPTS_RECALL_H
#define CLI_CONCEPTS_RECALL_H

#include <stdbool.h>

#include "base/json.h"
#include "base/status.h"
#include "cli/args.h"

struct concepts_recall {
    struct args args; /* those that were given, with what the record has of the others; it owns the
                         lists that are not those of `given` */
    const struct args *given;
    json_t *config; /* owned: run.json, whose strings the options are */
    const char *operands[1];
    char gallery[24], test_images[24];
};

/* True if the command names the folder of such a run, and no other one for results. */
bool concepts_recall_is_meant(const struct args *args);

/* Options that the record states and that were not given: the model and the images as they were
 * called, all that decided about figures, and what the page was made with. What is missing is
 * found by the comparison with run.json. USAGE for the folder of a shard,
 * UNSUPPORTED for a list of images that came from standard input.
 * concepts_recall_close releases it, after a failure too; both arguments outlive it. */
enum vitlrp_status concepts_recall_open(const struct args *given, const char *folder,
                                        struct concepts_recall *out, struct vitlrp_error *err);
void concepts_recall_close(struct concepts_recall *recall);

#endif
