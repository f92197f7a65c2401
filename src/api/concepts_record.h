/* What `vitlrp concepts` writes beside the arrays of an index, for one that a program makes:
 * run.json and the lines of results.jsonl (data/FORMATS.md). */
#ifndef API_CONCEPTS_RECORD_H
#define API_CONCEPTS_RECORD_H

#include "api/handles.h"
#include "base/json.h"
#include "base/status.h"
#include "base/text.h"
#include "vit/methods/method.h"
#include "vitlrp_concepts.h"

/* The record of a run. *out is owned: json_decref. */
enum vitlrp_status concepts_record_make(const struct vitlrp_model *model,
                                        const struct vitlrp_concepts_options *options, json_t **out,
                                        struct vitlrp_error *err);

/* What all lines of a run share. */
struct concepts_lines {
    const struct vitlrp_model *model;
    const struct vitlrp_dataset *dataset;
    const char *method;
    enum vitlrp_site site;
    size_t blocks;
    bool has_branches;
};

/* The line of an image, with its newline. *out, with a limit, is owned: text_free, after a failure
 * too. USAGE for outputs that the model does not have. */
enum vitlrp_status concepts_line_make(const struct concepts_lines *lines,
                                      const struct vitlrp_concepts_image *image, struct text *out,
                                      struct vitlrp_error *err);

#endif
