#include "neurons_references.h"

#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "base/mem.h"

/* Part of an image's side that a picture shows. */
#define SHOWN 0.5

/* Of a side of the picture. */
#define MOST_PIXELS 96

/* ---- The pictures ---- */

/* A square of a model input. */
struct square {
    int32_t left, top, side;
};

/* `side` pixels around a place, within the limit. */
static int32_t start_of(double middle, int32_t side, int32_t limit) {
    double start = round(middle - side / 2.0);
    return (int32_t) fmax(0.0, fmin(start, limit - side));
}

/* Around the patch of a token; of other tokens the middle, as large as it is. */
static struct square square_of(const struct neurons_result *result, const struct photo *photo,
                               int32_t token) {
    int32_t height = photo->geometry.input_height;
    int32_t width = photo->geometry.input_width;
    int32_t whole = height < width ? height : width;
    int32_t across = result->input_width / result->grid_width; /* pixels of a patch */
    int32_t down = result->input_height / result->grid_height;
    int32_t columns = width / across;
    int32_t patch = token - result->prefix;
    struct square square = {(width - whole) / 2, (height - whole) / 2, whole};
    if (patch >= 0 && patch < columns * (height / down)) {
        int32_t row = patch / columns;
        square.side = (int32_t) fmax(1.0, round(SHOWN * whole));
        square.left = start_of((patch % columns + 0.5) * across, square.side, width);
        square.top = start_of((row + 0.5) * down, square.side, height);
    }
    return square;
}

/* What the model saw of it, as colours. */
static enum vitlrp_status cut_out(const struct photo *photo,
                                  const struct vitlrp_preprocess *preprocess,
                                  const struct square *square, struct vitlrp_image **out,
                                  struct vitlrp_error *err) {
    size_t channels = photo_channels(preprocess);
    size_t width = (size_t) photo->geometry.input_width;
    size_t plane = width * (size_t) photo->geometry.input_height;
    size_t side = (size_t) square->side;
    uint8_t *rgb = mem_calloc(side * side, 3);
    if (rgb == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a picture of %zu x %zu", side, side);
    }
    for (size_t i = 0; i < side * side * 3; i++) {
        size_t c = channels == 1 ? 0 : i % 3;
        size_t row = (size_t) square->top + i / 3 / side;
        size_t column = (size_t) square->left + i / 3 % side;
        float value = photo->input[c * plane + row * width + column];
        value = value * preprocess->std[c] + preprocess->mean[c];
        rgb[i] = (uint8_t) lroundf(fminf(fmaxf(value, 0.0F), 1.0F) * 255.0F);
    }
    enum vitlrp_status status = vitlrp_image_from_rgb(rgb, square->side, square->side, out, err);
    mem_free(rgb);
    return status;
}

/* *out stays NULL where the image cannot be read, or is another one. */
static enum vitlrp_status take_crop(const struct explain_session *state,
                                    const struct neurons_result *result,
                                    const struct vitlrp_concept_reference *reference,
                                    struct vitlrp_image **out, struct vitlrp_error *err) {
    struct photo photo = {0};
    char sha256[SHA256_TEXT] = "";
    enum vitlrp_status status = photo_open(reference->path, &state->preprocess,
                                           &state->settings->image, sha256, &photo, err);
    if (status == VITLRP_OK && strcmp(sha256, reference->sha256) == 0) {
        struct square square = square_of(result, &photo, reference->token);
        status = cut_out(&photo, &state->preprocess, &square, out, err);
    }
    photo_close(&photo);
    return status == VITLRP_NOMEM ? status : VITLRP_OK;
}

/* ---- All of them ---- */

struct neurons_row neurons_references_row(const struct neurons_references *references, size_t item,
                                          enum vitlrp_concept_kind kind) {
    size_t row = item * NEURONS_KINDS + (size_t) kind;
    if (references->images == NULL) {
        return (struct neurons_row){0};
    }
    return (struct neurons_row){references->images + row * (size_t) references->info.keep,
                                references->counts[row], references->crops + row * NEURONS_CROPS};
}

static enum vitlrp_status allocate(size_t items, struct neurons_references *out,
                                   struct vitlrp_error *err) {
    size_t rows = items * NEURONS_KINDS;
    out->crop_count = rows * NEURONS_CROPS;
    out->images = mem_calloc(rows, (size_t) out->info.keep * sizeof *out->images);
    out->counts = mem_calloc(rows, sizeof *out->counts);
    out->crops = mem_calloc(out->crop_count, sizeof *out->crops);
    return out->images != NULL && out->counts != NULL && out->crops != NULL
               ? VITLRP_OK
               : fail(err, VITLRP_NOMEM, "out of memory for the images of %zu units", items);
}

static enum vitlrp_status read_rows(const struct vitlrp_concepts *index,
                                    const struct neurons_result *result,
                                    struct neurons_references *out, struct vitlrp_error *err) {
    for (size_t row = 0; row < result->item_count * NEURONS_KINDS; row++) {
        TRY(vitlrp_concepts_references(index, &result->items[row / NEURONS_KINDS].unit,
                                       (enum vitlrp_concept_kind)(row % NEURONS_KINDS),
                                       out->images + row * (size_t) out->info.keep,
                                       &out->counts[row], err));
    }
    return VITLRP_OK;
}

static enum vitlrp_status draw_rows(const struct explain_session *state,
                                    const struct neurons_result *result,
                                    struct neurons_references *out, struct vitlrp_error *err) {
    size_t wanted = 0;
    size_t missing = 0;
    for (size_t i = 0; i < out->crop_count; i++) {
        size_t row = i / NEURONS_CROPS;
        size_t place = i % NEURONS_CROPS;
        if (place < out->counts[row]) {
            const struct vitlrp_concept_reference *images =
                out->images + row * (size_t) out->info.keep;
            TRY(take_crop(state, result, &images[place], &out->crops[i], err));
            wanted++;
            missing += out->crops[i] == NULL ? 1 : 0;
        }
    }
    if (missing > 0) {
        console_warn(state->console,
                     "%zu of %zu pictures of reference images are left out: the images of %s are "
                     "not where the index was made, or other ones now",
                     missing, wanted, out->info.dataset);
    }
    return VITLRP_OK;
}

enum vitlrp_status neurons_references_open(const struct explain_session *state,
                                           const struct vitlrp_concepts *index,
                                           const struct neurons_result *result, bool with_pictures,
                                           struct neurons_references *out,
                                           struct vitlrp_error *err) {
    *out = (struct neurons_references){0};
    vitlrp_concepts_info_init(&out->info);
    vitlrp_concepts_describe(index, &out->info);
    TRY(allocate(result->item_count, out, err));
    TRY(read_rows(index, result, out, err));
    return with_pictures ? draw_rows(state, result, out, err) : VITLRP_OK;
}

void neurons_references_free(struct neurons_references *references) {
    for (size_t i = 0; references->crops != NULL && i < references->crop_count; i++) {
        vitlrp_image_close(references->crops[i]);
    }
    mem_free(references->images);
    mem_free(references->counts);
    mem_free((void *) references->crops);
    *references = (struct neurons_references){0};
}
