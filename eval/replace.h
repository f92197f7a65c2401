/* What stands where patches were removed, for the replacements that do not depend on which patches
 * those are: a whole second model input, from which patches are taken. ROAD depends on them (see
 * eval/road.h); the noise of its imputed pixels is made here. */
#ifndef EVAL_REPLACE_H
#define EVAL_REPLACE_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "eval/eval_results.h"
#include "imgio/preprocess.h"

struct replacement_request {
    enum vitlrp_replacement replacement;
    const struct vitlrp_preprocess *preprocess;
    size_t height, width;             /* of the input */
    size_t patch_height, patch_width; /* blur: its width follows the patch */
    const float *donor;               /* donor: another image's input; NULL otherwise */
    uint64_t seed;                    /* noise, road: the image's own */
};

/* out [channels, height, width] for such an input, both normalised:
 *   zero   0, which is the mean colour of the training set;
 *   black  black;
 *   mean   the mean colour of the input;
 *   blur   the input under a Gaussian whose standard deviation is half the longer side of a patch,
 *          cut at three of them and renormalised at the border;
 *   noise  every value uniform from black to white;
 *   road   noise of ROAD_NOISE, which eval/road.h adds to what it imputes;
 *   donor  the other image.
 * NOMEM, or USAGE for donor where there is none. */
enum vitlrp_status replacement_make(const struct replacement_request *request, const float *input,
                                    float *out, struct vitlrp_error *err);

/* out [count]: normal numbers of that standard deviation. */
void replacement_noise(uint64_t seed, double deviation, size_t count, float *out);

#endif
