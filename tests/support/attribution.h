/* An attributor on a small model, and one call for one method. */
#ifndef TESTS_ATTRIBUTION_H
#define TESTS_ATTRIBUTION_H

#include <stddef.h>

#include "vit/methods/method.h"

/* The model of golden/parity: 32 x 32 pixels, 4 x 4 patches, 17 tokens of 32, 3 blocks, 4 heads. */
enum {
    PARITY_TOKENS = 17,
    PARITY_DEPTH = 3,
    PARITY_HEADS = 4,
    PARITY_CLASSES = 10,
    PARITY_INPUT = 3 * 32 * 32,
    PARITY_PATCHES = 16,
    PARITY_TARGET = 8
};

struct vit_model *parity_model(void);

/* golden/parity/input.npy; owned: mem_free. */
float *parity_input(void);

/* An attributor for some methods (NULL: for all of them) at the model's own size. Fails the test if
 * that fails. */
struct vit_attributor *attributor_for(const struct vit_model *model,
                                      const struct vit_method *method, size_t threads);

/* The model and the input of golden/parity, seen by an attributor. */
struct attribution {
    struct vit_model *model;
    float *input;
    struct vit_attributor *attributor;
};

/* With an attributor for some methods, as attributor_for. Owned: attribution_close. */
struct attribution attribution_open(const struct vit_method *method, size_t threads);
void attribution_close(struct attribution *attribution);

/* The forward pass of an input, whose logits nobody wants. */
void attributor_see(struct vit_attributor *attributor, const struct vit_model *model,
                    const float *input);

/* One method for one class, with its defaults where options is NULL. Fails the test if it fails. */
void attribute_class(struct vit_attributor *attributor, const char *method, const float *input,
                     int32_t output, const struct vitlrp_method_options *options, float *patches,
                     float *pixels);

/* As attribute_class, with an attributor of its own. */
void attribute_alone(const struct vit_model *model, const char *method, const float *input,
                     int32_t output, const struct vitlrp_method_options *options, float *patches,
                     float *pixels);

/* The defaults of a method. */
struct vitlrp_method_options defaults_of(const char *method);

#endif
