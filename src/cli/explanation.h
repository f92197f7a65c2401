/* One explained class of one image, as the reports see it. */
#ifndef CLI_EXPLANATION_H
#define CLI_EXPLANATION_H

#include <stdbool.h>
#include <stddef.h>

#include "photo.h"
#include "prediction.h"
#include "settings.h"
#include "vitlrp.h"

/* Likeliest classes that are reported, at least. */
#define TOP_REPORTED 5

struct timing {
    double decode, preprocess, forward, backward, render; /* milliseconds */
};

struct explanation {
    const char *image_path;
    const struct photo *photo;
    const struct vitlrp_model *model;
    const struct vitlrp_preprocess *preprocess;
    const struct settings *settings;
    const struct prediction *prediction;
    const char *weights_sha256;
    enum vitlrp_precision precision; /* in use */
    struct vitlrp_class target;
    bool has_versus;
    struct vitlrp_class versus;
    double explained; /* the logit, or the difference of logits */
    double sum;       /* of the map */
    const struct vitlrp_ledger_entry *ledger;
    size_t ledger_length;
    struct timing timing;
};

#endif
