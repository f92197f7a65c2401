/* The lines at the top of vitlrp.h, which the build cuts out of it. usage: header_example, where
 * goldfish.jpg lies. */
#include <stdio.h>

#include "vitlrp.h"

enum { CLASSES = 200, GRID = 16 };

static struct vitlrp_model *model;
static struct vitlrp_image *image;
static struct vitlrp_session *session;
static struct vitlrp_error error;
static float *input;
static unsigned char *png;
static size_t size;

static unsigned explain(void) {
    static float logits[CLASSES];
    static float patches[GRID * GRID];
    struct vitlrp_preprocess preprocess;
    struct vitlrp_geometry geometry;
    struct vitlrp_likely top;
    struct vitlrp_target target = {0, 1.0F};
    struct vitlrp_method_options method;
    struct vitlrp_relevance relevance;
    struct vitlrp_render_options look;
    const struct vitlrp_map map = {patches, GRID, GRID, &geometry};
    if (vitlrp_method_options_init(&method, "attnlrp", &error) != VITLRP_OK) {
        return 1;
    }
    vitlrp_relevance_init(&relevance);
    vitlrp_render_options_init(&look);
    relevance.patches = patches;
#include "header_lines.inc"
}

int main(void) {
    unsigned failed = explain();
    printf("%s %zu bytes, PNG %d\n", error.message, size, png != NULL && png[1] == 'P');
    vitlrp_free(png);
    vitlrp_free(input);
    vitlrp_session_close(session);
    vitlrp_image_close(image);
    vitlrp_model_close(model);
    return failed == 0 ? 0 : 1;
}
