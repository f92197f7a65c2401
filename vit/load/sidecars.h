/* The JSON files that stand beside the weights and belong to the model: which of them are read is
 * decided by the library that the weights are for, and by the name of their file. */
#ifndef VIT_SIDECARS_H
#define VIT_SIDECARS_H

#include <jansson.h>

#include "base/status.h"
#include "vit/load/layout.h"
#include "vit/model/model.h"

struct sidecars {
    json_t *config;
    json_t *preprocessor;
    const char *preprocessor_file; /* where it stands, a constant */
    json_t *open_clip;
    struct vit_sidecar files[VIT_SIDECARS]; /* names and bytes of all that was read */
    size_t count;
};

/* `path` is the weights'. A file that is not there is no failure. What was read is the caller's to
 * close after a failure too. */
enum vitlrp_status sidecars_read(const char *path, enum framework framework,
                                 const struct vit_load_options *options, struct sidecars *out,
                                 struct vitlrp_error *err);

/* Takes what the caller gives for what would lie beside the weights, and what it knows of them.
 * USAGE for a configuration of weights that have none beside them. */
enum vitlrp_status sidecars_take(enum framework framework, const struct vit_load_options *options,
                                 struct sidecars *out, struct vitlrp_error *err);

/* Reports every file to the caller's callback that could lie beside such weights and belong to
 * them: for who reads none of them, and writes files. */
enum vitlrp_status sidecars_tell(const char *path, const struct vit_load_options *options,
                                 struct vitlrp_error *err);

void sidecars_close(struct sidecars *sidecars);

#endif
