/* Names of results that meet: those of two images, and folders that bear the name of a file. */
#ifndef CLI_BATCH_COLLISIONS_H
#define CLI_BATCH_COLLISIONS_H

#include <stdbool.h>

#include "base/status.h"
#include "batch_plan.h"

/* USAGE, naming them, for two images whose files would have one name, and for an image whose folder
 * would have the name of another one's file or of one of the run. several: classes are in the
 * names. */
enum vitlrp_status batch_check_collisions(const struct batch_plan *plan, bool several,
                                          struct vitlrp_error *err);

#endif
