/* What a run measures of one image: maps, curves, and what follows from them. */
#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "base/mem.h"
#include "base/probability.h"
#include "base/random.h"
#include "eval/agreement.h"
#include "eval/audit.h"
#include "eval/concentration.h"
#include "eval/eval_run_private.h"
#include "eval/eval_units.h"
#include "eval/sanity.h"

/* Images that are asked for their patches before one gives up: where so many in a row cannot be
 * read, the set is broken. */
#define MOST_DONORS ((size_t) 100)

/* Predicts, and settles which output is explained. */
static enum vitlrp_status image_predict(const struct run *run, struct worker *worker,
                                        const struct eval_item *item, struct eval_image *image,
                                        struct vitlrp_error *err) {
    size_t classes = (size_t) run->options->model->config.classes;
    const float *logits = worker->logits;
    size_t predicted = 0;
    TRY(vit_attributor_forward(worker->attributor, worker->input, worker->logits, err));
    for (size_t i = 1; i < classes; i++) {
        predicted = logits[i] > logits[predicted] ? i : predicted;
    }
    bool by_label = run->options->protocol.target == VITLRP_EVAL_LABEL;
    if (by_label && (item->label < 0 || (size_t) item->label >= classes)) {
        return fail(err, VITLRP_MISMATCH, "has no label that is a class of the model");
    }
    image->predicted = (int32_t) predicted;
    image->output = by_label ? item->label : image->predicted;
    image->logit = logits[image->output];
    image->probability = (float) probability_of(run->options->model->probability, logits, classes,
                                                (size_t) image->output);
    return VITLRP_OK;
}

static enum vitlrp_status allocate_results(const struct run *run, struct eval_image *image,
                                           struct vitlrp_error *err) {
    size_t patches = eval_run_patches(run);
    image->methods = mem_calloc(run->options->method_count, sizeof *image->methods);
    if (image->methods == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for the results of an image");
    }
    for (size_t m = 0; m < run->options->method_count; m++) {
        struct eval_method_result *result = &image->methods[m];
        result->patches = mem_calloc(patches, sizeof *result->patches);
        if (result->patches == NULL) {
            return fail(err, VITLRP_NOMEM, "out of memory for the results of an image");
        }
        TRY(eval_curves_open(&run->options->protocol, &result->curves, err));
        result->pointing = result->mass = result->rank = NAN;
        result->sparseness = result->complexity = NAN;
        result->rho_drop = result->rho_shapley = NAN;
        result->rho_randomized = result->max_sensitivity = NAN;
        result->segmentation = segmentation_unknown();
    }
    return VITLRP_OK;
}

/* With one seed for all, a random map would be the same for every image, and the mean over images
 * that of one order and not of random orders. */
struct vitlrp_method_options eval_run_method_options(const struct eval_run_method *method,
                                                     const struct eval_item *item) {
    struct vitlrp_method_options options = method->options;
    options.seed = random_derive(options.seed, item->id);
    return options;
}

struct map_folder eval_run_folder(const struct run *run, const struct eval_run_method *method) {
    return (struct map_folder){
        .path = method->maps, .grid = run->grid, .inputs = run->options->inputs};
}

struct mask_folder eval_run_masks(const struct run *run) {
    return (struct mask_folder){.path = run->options->truth_masks,
                                .limits = run->options->limits,
                                .inputs = run->options->inputs};
}

/* The map that somebody else has made of an image. */
static enum vitlrp_status image_read_map(const struct run *run, const struct eval_item *item,
                                         const struct eval_run_method *method,
                                         struct eval_method_result *result,
                                         struct vitlrp_error *err) {
    struct map_folder folder = eval_run_folder(run, method);
    TRY(map_folder_read(&folder, item->id, result->patches, result->map_sha256, err));
    result->valid = true;
    return VITLRP_OK;
}

enum vitlrp_status eval_run_attribute(struct vit_attributor *attributor,
                                      const struct vit_method *method,
                                      const struct vit_method_request *request, bool *is_there,
                                      struct vitlrp_error *err) {
    enum vitlrp_status status = vit_attributor_run(attributor, method, request, err);
    *is_there = status == VITLRP_OK;
    return status != VITLRP_OK && failure_is_systemic(status, err) ? status : VITLRP_OK;
}

/* The map of one method; a failure that is the method's own leaves its result invalid. */
static enum vitlrp_status image_attribute(const struct run *run, struct worker *worker,
                                          const struct eval_item *item,
                                          const struct eval_image *image, size_t index,
                                          struct vitlrp_error *err) {
    const struct eval_run_method *method = &run->options->methods[index];
    struct eval_method_result *result = &image->methods[index];
    struct vitlrp_method_options options = eval_run_method_options(method, item);
    if (method->maps != NULL) {
        return image_read_map(run, item, method, result, err);
    }
    struct vitlrp_target target = {.output = image->output, .weight = 1.0F};
    struct vit_method_request request = {.input = worker->input,
                                         .targets = &target,
                                         .target_count = 1,
                                         .options = &options,
                                         .patches = result->patches};
    return worker->units != NULL ? eval_units_attribute(run, worker, &request, index, result, err)
                                 : eval_run_attribute(worker->attributor, method->method, &request,
                                                      &result->valid, err);
}

static bool has_map(const struct eval_method_result *result) {
    return result->valid && result->patches != NULL;
}

/* How concentrated the maps are. */
static enum vitlrp_status image_concentrate(const struct run *run, const struct eval_image *image,
                                            struct vitlrp_error *err) {
    for (size_t m = 0; m < run->options->method_count; m++) {
        struct eval_method_result *result = &image->methods[m];
        struct concentration found;
        if (has_map(result)) {
            TRY(concentration_of(result->patches, eval_run_patches(run), &found, err));
            result->sparseness = found.sparseness;
            result->complexity = found.complexity;
        }
    }
    return VITLRP_OK;
}

/* Methods that leave the forward pass alone go first, so that it is repeated as rarely as can be,
 * and last what other methods' passes show on their way. */
static int turn_of(const struct vit_method *method) {
    return method == &UNIT_ACTIVATION ? 2 : (int) method->moves_forward;
}

static enum vitlrp_status image_attribute_all(const struct run *run, struct worker *worker,
                                              const struct eval_item *item,
                                              const struct eval_image *image,
                                              struct vitlrp_error *err) {
    eval_units_begin(worker);
    for (int turn = 0; turn < 3; turn++) {
        for (size_t m = 0; m < run->options->method_count; m++) {
            if (turn_of(run->options->methods[m].method) == turn) {
                TRY(image_attribute(run, worker, item, image, m, err));
            }
        }
    }
    return VITLRP_OK;
}

/* ---- Another image's patches ---- */

/* Images that may lend their patches, as many as the set has. */
size_t eval_run_donor_count(const struct run *run) {
    return run->options->donors != NULL ? run->options->manifest_count : run->count;
}

static const char *donor_path(const struct run *run, size_t place) {
    return run->options->donors != NULL ? run->options->donors[place] : run->items[place].path;
}

/* Loads the donor of an image: by chance, of the run's seed and the image's name, any other image
 * of the set. One that cannot be read is passed over for the next. */
static enum vitlrp_status image_take_donor(const struct run *run, struct worker *worker,
                                           const struct eval_item *item, struct eval_image *image,
                                           struct vitlrp_error *err) {
    struct image_state *state = &run->states[item - run->items];
    uint64_t seed = random_derive(run->options->protocol.seed, item->id);
    struct random_stream stream = random_open(random_derive(seed, "donor"));
    size_t own = run->options->donors != NULL ? item->index : (size_t) (item - run->items);
    size_t others = eval_run_donor_count(run) - 1;
    size_t first = random_below(&stream, others);
    size_t tries = size_min(others, MOST_DONORS);
    for (; state->passed_donors < tries; state->passed_donors++) {
        struct loaded_input loaded = {0};
        size_t place = (first + state->passed_donors) % others;
        place += place >= own ? 1 : 0;
        enum vitlrp_status status =
            load_input(&run->source, donor_path(run, place), worker->donor, &loaded, err);
        if (status == VITLRP_OK) {
            image->donor = place;
            memcpy(image->donor_sha256, loaded.sha256, sizeof image->donor_sha256);
            return VITLRP_OK;
        }
        if (failure_is_systemic(status, err)) {
            return status;
        }
    }
    return fail(err, VITLRP_MISMATCH,
                "none of the %zu images that it was to get patches from can be read", tries);
}

static enum vitlrp_status image_locate(const struct run *run, struct worker *worker,
                                       const struct eval_item *item,
                                       const struct preprocess_plan *plan,
                                       const struct eval_image *image, struct vitlrp_error *err) {
    struct localize_boxes boxes = {.boxes = item->boxes, .count = item->box_count, .plan = plan};
    if (item->box_count == 0) {
        return VITLRP_OK;
    }
    TRY(localize_coverage(&boxes, &run->grid, worker->coverage, err));
    for (size_t m = 0; m < run->options->method_count; m++) {
        struct eval_method_result *result = &image->methods[m];
        struct localization found;
        if (has_map(result)) {
            TRY(localize_map(&boxes, &run->grid, worker->coverage, result->patches, &found, err));
            result->pointing = found.pointing;
            result->mass = found.mass;
            result->rank = found.rank;
        }
    }
    return VITLRP_OK;
}

static enum vitlrp_status segment_all(const struct run *run, const uint8_t *mask,
                                      const struct eval_image *image, struct vitlrp_error *err) {
    for (size_t m = 0; m < run->options->method_count; m++) {
        struct eval_method_result *result = &image->methods[m];
        if (has_map(result)) {
            TRY(segmentation_of(&run->grid, result->patches, mask, &result->segmentation, err));
        }
    }
    return VITLRP_OK;
}

/* The maps against the image's mask. */
static enum vitlrp_status image_segment(const struct run *run, const struct eval_item *item,
                                        const struct preprocess_plan *plan,
                                        struct eval_image *image, struct vitlrp_error *err) {
    const struct mask_folder folder = eval_run_masks(run);
    if (folder.path == NULL) {
        return VITLRP_OK;
    }
    uint8_t *mask = mem_calloc((size_t) run->source.height, (size_t) run->source.width);
    if (mask == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a mask");
    }
    enum vitlrp_status status =
        mask_folder_read(&folder, item->id, plan, mask, image->mask_sha256, err);
    if (status == VITLRP_OK) {
        status = segment_all(run, mask, image, err);
    }
    mem_free(mask);
    return status;
}

static enum vitlrp_status image_measure(const struct run *run, struct worker *worker,
                                        const struct eval_item *item, struct eval_image *image,
                                        struct vitlrp_error *err) {
    struct loaded_input loaded = {0};
    enum vitlrp_status status = load_input(&run->source, item->path, worker->input, &loaded, err);
    memcpy(image->sha256, loaded.sha256, sizeof image->sha256);
    TRY(status);
    run->states[item - run->items].warning = loaded.warning;
    TRY(image_predict(run, worker, item, image, err));
    TRY(allocate_results(run, image, err));
    TRY(image_attribute_all(run, worker, item, image, err));
    TRY(image_concentrate(run, image, err));
    if (agreement_is_wanted(run->options)) {
        TRY(agreement_measure(run, worker, item, image, err));
    }
    if (sanity_is_wanted(run->options)) {
        TRY(sanity_measure(run, worker, item, image, err));
    }
    struct curve_request request = {.input = worker->input,
                                    .output = image->output,
                                    .expected = item->label >= 0 ? item->label : image->predicted,
                                    .seed = random_derive(run->options->protocol.seed, item->id),
                                    .methods = image->methods,
                                    .method_count = run->options->method_count,
                                    .audited = audit_covers(run->out, item->index)};
    if (eval_run_has_donors(run)) {
        TRY(image_take_donor(run, worker, item, image, err));
        request.donor = worker->donor;
    }
    engine_watch_begin(&worker->watch);
    TRY(worker->units == NULL ? curve_evaluate(worker->curves, &request, err)
                              : eval_units_curves(run, worker, &request, err));
    TRY(image_segment(run, item, &loaded.plan, image, err));
    return image_locate(run, worker, item, &loaded.plan, image, err);
}

/* Of an image of which nothing was measured. */
static struct eval_image unmeasured(const struct eval_item *item) {
    return (struct eval_image){.index = item->index,
                               .label = item->label,
                               .output = -1,
                               .predicted = -1,
                               .shapley_error = NAN,
                               .shapley_split_half = NAN};
}

/* Takes away what was measured before the failure: a record that is read has none of it either, and
 * reports are the same. */
static void forget_measurements(const struct run *run, const struct eval_item *item,
                                struct eval_image *image) {
    struct eval_image failed = unmeasured(item);
    eval_image_drop_results(image, run->options->method_count);
    failed.id = image->id;
    memcpy(failed.sha256, image->sha256, sizeof failed.sha256);
    *image = failed;
}

/* Fills the image's record, also with the failure that befell it. */
enum vitlrp_status eval_run_image(const struct run *run, struct worker *worker,
                                  const struct eval_item *item, struct eval_image *image,
                                  struct vitlrp_error *err) {
    *image = unmeasured(item);
    image->id = mem_strdup(item->id);
    if (image->id == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for an image's name");
    }
    enum vitlrp_status status = image_measure(run, worker, item, image, err);
    if (status == VITLRP_OK || failure_is_systemic(status, err)) {
        return status;
    }
    forget_measurements(run, item, image);
    image->status = status;
    image->message = mem_strdup(err->message);
    return image->message == NULL ? fail(err, VITLRP_NOMEM, "out of memory for a message")
                                  : VITLRP_OK;
}
