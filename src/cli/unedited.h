/* What a model says of an image before its hidden units are edited. */
#ifndef CLI_UNEDITED_H
#define CLI_UNEDITED_H

#include <stdbool.h>
#include <stddef.h>

#include "base/json.h"
#include "base/status.h"
#include "photo.h"
#include "settings.h"
#include "vitlrp.h"

struct explanation;

struct unedited {
    struct vitlrp_model *model;     /* the owner says whose; NULL: no unit is edited */
    struct vitlrp_session *session; /* owned; NULL before the first image */
    int32_t height, width;          /* of its inputs */
    struct prediction prediction;   /* owned */
    float *map;                     /* owned: of the class at hand, where it is explained too */
    float *pixels;                  /* owned: [3, height, width] at --level pixel */
    double explained, sum;
};

/* True if its map is wanted: for the panel of before and after. */
bool unedited_is_explained(const struct unedited *unedited, const struct settings *settings);

/* After the forward pass: explains there what `explanation` explains of the edited model, into the
 * map [count], of pixels or patches. */
enum vitlrp_status unedited_explain(struct unedited *unedited,
                                    const struct explanation *explanation, size_t count,
                                    struct vitlrp_error *err);

/* A forward pass of the model before its edits over an input of size [height, width], and its
 * prediction. Nothing without edits. */
enum vitlrp_status unedited_forward(struct unedited *unedited, const struct settings *settings,
                                    const float *input, const int32_t size[2],
                                    struct vitlrp_error *err);

/* What the session for such inputs takes. */
enum vitlrp_status unedited_bytes(const struct unedited *unedited, const struct settings *settings,
                                  const int32_t size[2], size_t *bytes, struct vitlrp_error *err);

/* All but the model. */
void unedited_close(struct unedited *unedited);

/* "edited: goldfish (1) 44.6 % -> 10.2 %, logit 6.513 -> 4.761; now first: orange (950) 13.0 %", a
 * line, of an explanation that has a prediction before edits; else nothing. */
void unedited_report(struct text *out, const struct explanation *explanation);

/* Likewise the explained class's logit and probability before the edits, and the class that was
 * predicted then, as an object. */
json_t *unedited_json(const struct explanation *explanation, bool *complete);

#endif
