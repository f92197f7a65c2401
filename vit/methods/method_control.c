/* The controls: maps that know nothing about the model. A method that does not beat them has not
 * explained anything. */
#include "base/random.h"
#include "vit/methods/method_private.h"

enum vitlrp_status method_random(struct vit_attributor *attributor,
                                 const struct vit_method_request *request,
                                 struct vitlrp_error *err) {
    struct random_stream stream = random_open(request->options->seed);
    (void) err;
    for (size_t p = 0; p < attributor->patches; p++) {
        request->patches[p] = (float) random_uniform(&stream);
    }
    return VITLRP_OK;
}

/* One half, which is a corner's, minus the squared distance to the centre; sides are 1 long. */
enum vitlrp_status method_centre(struct vit_attributor *attributor,
                                 const struct vit_method_request *request,
                                 struct vitlrp_error *err) {
    const struct patch_grid *grid = &attributor->layout.grid;
    (void) err;
    for (size_t p = 0; p < attributor->patches; p++) {
        size_t row = p / grid->columns, column = p % grid->columns;
        double y = ((double) row + 0.5) / (double) grid->rows - 0.5;
        double x = ((double) column + 0.5) / (double) grid->columns - 0.5;
        request->patches[p] = (float) (0.5 - y * y - x * x);
    }
    return VITLRP_OK;
}
