/* What a run over hidden units finds done in its folder.
 *
 * An index has no way back: it cannot lose an image. So an image that it holds must have the file
 * that it had; one that has failed is not in it, and is done again when its file is another one. */
#ifndef CLI_CONCEPTS_RESUME_H
#define CLI_CONCEPTS_RESUME_H

#include <stdbool.h>

#include "base/run_folder.h"
#include "base/status.h"
#include "base/unit_index.h"
#include "cli/batch/batch_plan.h"

struct concepts_resumption {
    struct run_folder *folder;
    const struct batch_plan *plan;
    const char *method;
    const char *identity; /* unit_index_run_identity of the run */
    const char *was;      /* that of its record in the folder: another one, or the same, by what the
                             images' files hold */
    bool writes;          /* not of who only looks */
};

/* Reads the state: images with a line that it does not hold are open again, and so are failed ones
 * whose file has changed. Without a state all are. USAGE, naming it, for an image that the state
 * holds and whose file has changed; MISMATCH for the state of another run. Then, if it writes, the
 * state is this run's, and run.json may become so. *index is open. */
enum vitlrp_status concepts_resume(const struct concepts_resumption *resumption,
                                   struct unit_index *index, struct vitlrp_error *err);

#endif
