/* Which tensors a file of weights has, and how near they are to what the loader knows. For any file
 * whose container is read: what makes no model is listed too. */
#ifndef VIT_LISTING_H
#define VIT_LISTING_H

#include <jansson.h>

#include "base/status.h"
#include "vit/load/checkpoint.h"

/* One object (data/FORMATS.md, `info --json`) of a checkpoint whose names are still the file's.
 * *out is owned: json_decref. */
enum vitlrp_status listing_make(const struct checkpoint *checkpoint, const char *ignore_tensors,
                                json_t **out, struct vitlrp_error *err);

#endif
