/* The fixtures of hidden units (golden/latent): a model, a session on it, and one of its images. */
#ifndef TESTS_LATENT_H
#define TESTS_LATENT_H

#include <stddef.h>

#include "base/json.h"
#include "vitlrp_units.h"

struct latent {
    const char *folder;
    json_t *expected;
    struct vitlrp_model *model;
    struct vitlrp_session *session;
    size_t depth, pixels; /* pixels: of one channel */
    float logits[16];     /* of the image that was seen last */
};

/* With all tokens kept, or not. Fails the test if that fails. */
void latent_open(struct latent *latent, const char *folder, bool all_tokens);
/* For these methods. */
void latent_open_for(struct latent *latent, const char *folder, const char *methods);
void latent_close(struct latent *latent);

/* Input [3, height, width] of an image; owned: vitlrp_free. */
float *latent_input(const struct latent *latent, const struct vitlrp_model *model, int image);

/* The forward pass of an image. */
void latent_see(struct latent *latent, int image);

/* An array of the folder; owned: mem_free. */
float *latent_read(const struct latent *latent, const char *name, size_t rank, size_t count);

/* Fails the test, by name, unless the relative error is at most 1e-4. */
void latent_check(const struct latent *latent, const char *name, const float *found,
                  const float *wanted, size_t count);

#endif
