#include "eval/eval_run.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/checked.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/probability.h"
#include "base/random.h"
#include "base/text.h"
#include "base/work_rate.h"
#include "eval/audit.h"
#include "eval/concentration.h"
#include "eval/curve.h"
#include "eval/load_input.h"
#include "eval/localize.h"
#include "eval/map_folder.h"
#include "eval/protocol.h"
#include "eval/protocol_table.h"
#include "vit/math/engine.h"
#include "vit/math/kernels.h"
#include "vit/math/packs.h"

/* Images that are asked for their patches before one gives up: where so many in a row cannot be
 * read, the set is broken. */
#define MOST_DONORS ((size_t) 100)

/* One thread's tools. */
struct worker {
    struct engine_watch watch; /* of the curves' batches */
    struct vit_attributor *attributor;
    struct vit_batch *curve_batch; /* NULL if the attributor has one to share */
    struct vit_batch *audit_batch; /* NULL as well, and without audits */
    struct curve_evaluator *curves;
    float *input;     /* [3, height, width] */
    float *donor;     /* likewise; NULL if no replacement needs it */
    float *logits;    /* [classes] */
    double *coverage; /* [patches] */
};

/* What is known of an image beside its results. */
struct image_state {
    bool finished;
    const char *warning;  /* of its photograph; NULL: none */
    size_t passed_donors; /* that could not be read */
};

struct run {
    const struct eval_run_options *options;
    const struct eval_item *items;
    size_t count;
    struct evaluation *out;
    struct image_state *states; /* [count] */
    struct input_source source;
    struct localize_grid grid;
    const struct gemm_backend *backend;
    enum vitlrp_precision precision; /* that the backend has */
    struct worker *workers;
    size_t worker_count;

    atomic_bool stop;      /* also ends the images at work: asked between operations */
    pthread_mutex_t mutex; /* guards what follows, and the observer's calls */
    size_t done, failed;
    bool cancelled;
    enum vitlrp_status status; /* of the first systemic failure */
    struct vitlrp_error err;
};

struct eval_run_options eval_run_options_default(void) {
    return (struct eval_run_options){.limits = image_limits_default(),
                                     .protocol = eval_protocol_default(),
                                     .threads = 1,
                                     .backend = "auto"};
}

/* ---- Workers ---- */

/* Asks the observer, until it has said no once. */
static bool run_goes_on(struct run *run) {
    const struct vitlrp_eval_observer *observer = &run->options->observer;
    if (atomic_load(&run->stop)) {
        return false;
    }
    pthread_mutex_lock(&run->mutex);
    if (observer->cancelled != NULL && !run->cancelled &&
        observer->cancelled(observer->user) != 0) {
        run->cancelled = true;
        atomic_store(&run->stop, true);
    }
    pthread_mutex_unlock(&run->mutex);
    return !atomic_load(&run->stop);
}

/* What sessions and batches ask between their operations. */
static int32_t run_is_over(void *run) {
    return run_goes_on(run) ? 0 : 1;
}

/* True if several methods with rules attribute the same forward pass. */
static bool shares_forward(const struct eval_run_options *options) {
    size_t count = 0;
    for (size_t m = 0; m < options->method_count; m++) {
        const struct vit_method *method = options->methods[m].method;
        bool has_rules = ((unsigned) method->reads & VITLRP_READS_RULES) != 0;
        count += has_rules && !method->moves_forward ? 1 : 0;
    }
    return count > 1;
}

/* The options of a worker's attributor. Its list of methods is owned: mem_free. */
static enum vitlrp_status attributor_options(struct run *run, struct vit_attributor_options *out,
                                             struct vitlrp_error *err) {
    const struct eval_run_options *options = run->options;
    const struct vit_method **methods = mem_calloc(options->method_count, sizeof *methods);
    if (methods == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a list of methods");
    }
    for (size_t m = 0; m < options->method_count; m++) {
        methods[m] = options->methods[m].method;
    }
    *out = (struct vit_attributor_options){.threads = 1,
                                           .in_pool = true,
                                           .input_height = run->source.height,
                                           .input_width = run->source.width,
                                           .backend = options->backend,
                                           .methods = methods,
                                           .method_count = options->method_count,
                                           .observer = {.cancelled = run_is_over, .user = run},
                                           .keep_totals = shares_forward(options),
                                           .precision = run->precision == VITLRP_PRECISION_MIXED
                                                            ? VITLRP_PRECISION_MIXED
                                                            : VITLRP_PRECISION_FP32};
    return VITLRP_OK;
}

static struct vit_batch_options batch_options(const struct run *run,
                                              enum vitlrp_precision precision) {
    return (struct vit_batch_options){.threads = 1,
                                      .in_pool = true,
                                      .input_height = run->source.height,
                                      .input_width = run->source.width,
                                      .backend = run->options->backend,
                                      .precision = precision};
}

static enum vitlrp_status worker_open_attributor(struct run *run, struct worker *worker,
                                                 struct vitlrp_error *err) {
    struct vit_attributor_options wanted;
    TRY(attributor_options(run, &wanted, err));
    enum vitlrp_status status =
        vit_attributor_open(run->options->model, &wanted, &worker->attributor, err);
    mem_free((void *) wanted.methods);
    return status;
}

/* The attributor's batch where it has one, float32 being wanted; else one of the worker's own. */
static enum vitlrp_status choose_batch(const struct run *run, struct worker *worker,
                                       enum vitlrp_precision precision, struct vit_batch **own,
                                       struct vit_batch **out, struct vitlrp_error *err) {
    struct vit_batch_options options = batch_options(run, precision);
    options.watch = &worker->watch;
    *out = precision == VITLRP_PRECISION_FP32 ? vit_attributor_batch(worker->attributor) : NULL;
    if (*out == NULL) {
        TRY(vit_batch_open(run->options->model, &options, own, err));
        *out = *own;
    }
    return VITLRP_OK;
}

static enum vitlrp_status worker_open_curves(const struct run *run, struct worker *worker,
                                             struct vitlrp_error *err) {
    const struct eval_run_options *options = run->options;
    bool fewer_bits = run->precision == VITLRP_PRECISION_BF16;
    struct curve_options curves = {.model = options->model,
                                   .input_height = run->source.height,
                                   .input_width = run->source.width,
                                   .preprocess = options->preprocess,
                                   .protocol = options->protocol,
                                   .method_count = options->method_count};
    TRY(choose_batch(run, worker, fewer_bits ? VITLRP_PRECISION_BF16 : VITLRP_PRECISION_FP32,
                     &worker->curve_batch, &curves.batch, err));
    if (fewer_bits) {
        TRY(choose_batch(run, worker, VITLRP_PRECISION_FP32, &worker->audit_batch, &curves.audit,
                         err));
    }
    return curve_evaluator_open(&curves, &worker->curves, err);
}

static bool has_donors(const struct run *run) {
    return !run->options->maps_only &&
           eval_replacement_has(&run->options->protocol, VITLRP_REPLACE_DONOR);
}

static enum vitlrp_status worker_open_donor(const struct run *run, struct worker *worker,
                                            struct vitlrp_error *err) {
    size_t area = (size_t) run->source.height * (size_t) run->source.width;
    if (!has_donors(run)) {
        return VITLRP_OK;
    }
    worker->donor =
        mem_calloc(area, preprocess_channels(run->options->preprocess) * sizeof *worker->donor);
    return worker->donor == NULL ? fail(err, VITLRP_NOMEM, "out of memory for a model input")
                                 : VITLRP_OK;
}

static enum vitlrp_status worker_open(struct run *run, struct worker *worker,
                                      struct vitlrp_error *err) {
    worker->watch = (struct engine_watch){.cancelled = run_is_over, .user = run};
    TRY(worker_open_attributor(run, worker, err));
    if (!run->options->maps_only) {
        TRY(worker_open_curves(run, worker, err));
    }
    size_t area = (size_t) run->source.height * (size_t) run->source.width;
    worker->input =
        mem_calloc(area, preprocess_channels(run->options->preprocess) * sizeof *worker->input);
    worker->logits =
        mem_calloc((size_t) run->options->model->config.classes, sizeof *worker->logits);
    worker->coverage = mem_calloc(run->grid.rows * run->grid.columns, sizeof *worker->coverage);
    if (worker->input == NULL || worker->logits == NULL || worker->coverage == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a model input");
    }
    return worker_open_donor(run, worker, err);
}

static void worker_close(struct worker *worker) {
    curve_evaluator_close(worker->curves);
    vit_batch_close(worker->curve_batch);
    vit_batch_close(worker->audit_batch);
    vit_attributor_close(worker->attributor);
    mem_free(worker->coverage);
    mem_free(worker->logits);
    mem_free(worker->donor);
    mem_free(worker->input);
}

/* ---- One image ---- */

static void image_add_noise(const struct run *run, const struct eval_item *item, float *input) {
    const struct eval_run_options *options = run->options;
    size_t count = preprocess_channels(options->preprocess) * (size_t) run->source.height *
                   (size_t) run->source.width;
    struct random_stream stream = random_open(random_derive(options->input_noise_seed, item->id));
    for (size_t i = 0; i < count; i++) {
        double offset = options->input_noise * (2.0 * random_uniform(&stream) - 1.0);
        input[i] = (float) ((double) input[i] + offset);
    }
}

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
    size_t patches = run->grid.rows * run->grid.columns;
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
        if (!run->options->maps_only) {
            TRY(eval_curves_open(&run->options->protocol, &result->curves, err));
        }
        result->pointing = result->mass = result->rank = NAN;
        result->sparseness = result->complexity = NAN;
    }
    return VITLRP_OK;
}

static struct map_folder folder_of(const struct run *run, const struct eval_run_method *method) {
    return (struct map_folder){
        .path = method->maps, .grid = run->grid, .inputs = run->options->inputs};
}

/* The map that somebody else has made of an image. */
static enum vitlrp_status image_read_map(const struct run *run, const struct eval_item *item,
                                         const struct eval_run_method *method,
                                         struct eval_method_result *result,
                                         struct vitlrp_error *err) {
    struct map_folder folder = folder_of(run, method);
    TRY(map_folder_read(&folder, item->id, result->patches, result->map_sha256, err));
    result->valid = true;
    return VITLRP_OK;
}

/* The map of one method; a failure that is the method's own leaves its result invalid. */
static enum vitlrp_status image_attribute(const struct run *run, struct worker *worker,
                                          const struct eval_item *item,
                                          const struct eval_image *image, size_t index,
                                          struct vitlrp_error *err) {
    const struct eval_run_method *method = &run->options->methods[index];
    struct eval_method_result *result = &image->methods[index];
    struct vitlrp_method_options options = method->options;
    if (method->maps != NULL) {
        return image_read_map(run, item, method, result, err);
    }
    struct vitlrp_target target = {.output = image->output, .weight = 1.0F};
    struct vit_method_request request = {.input = worker->input,
                                         .targets = &target,
                                         .target_count = 1,
                                         .options = &options,
                                         .patches = result->patches};
    /* With one seed for all, a random map would be the same for every image, and the mean over
     * images that of one order and not of random orders. */
    options.seed = random_derive(options.seed, item->id);
    enum vitlrp_status status =
        vit_attributor_run(worker->attributor, method->method, &request, err);
    if (status != VITLRP_OK && failure_is_systemic(status, err)) {
        return status;
    }
    result->valid = status == VITLRP_OK &&
                    values_are_finite(result->patches, run->grid.rows * run->grid.columns);
    return VITLRP_OK;
}

/* How concentrated the maps are. */
static enum vitlrp_status image_concentrate(const struct run *run, const struct eval_image *image,
                                            struct vitlrp_error *err) {
    for (size_t m = 0; m < run->options->method_count; m++) {
        struct eval_method_result *result = &image->methods[m];
        struct concentration found;
        if (result->valid) {
            TRY(concentration_of(result->patches, run->grid.rows * run->grid.columns, &found, err));
            result->sparseness = found.sparseness;
            result->complexity = found.complexity;
        }
    }
    return VITLRP_OK;
}

/* Methods that leave the forward pass alone go first, so that it is repeated as rarely as can be.
 */
static enum vitlrp_status image_attribute_all(const struct run *run, struct worker *worker,
                                              const struct eval_item *item,
                                              const struct eval_image *image,
                                              struct vitlrp_error *err) {
    for (int moving = 0; moving < 2; moving++) {
        for (size_t m = 0; m < run->options->method_count; m++) {
            if ((int) run->options->methods[m].method->moves_forward == moving) {
                TRY(image_attribute(run, worker, item, image, m, err));
            }
        }
    }
    return VITLRP_OK;
}

/* ---- Another image's patches ---- */

/* Images that may lend their patches, as many as the set has. */
static size_t donor_count(const struct run *run) {
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
    size_t others = donor_count(run) - 1;
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
        if (result->valid) {
            TRY(localize_map(&boxes, &run->grid, worker->coverage, result->patches, &found, err));
            result->pointing = found.pointing;
            result->mass = found.mass;
            result->rank = found.rank;
        }
    }
    return VITLRP_OK;
}

static enum vitlrp_status image_measure(const struct run *run, struct worker *worker,
                                        const struct eval_item *item, struct eval_image *image,
                                        struct vitlrp_error *err) {
    struct loaded_input loaded = {0};
    enum vitlrp_status status = load_input(&run->source, item->path, worker->input, &loaded, err);
    memcpy(image->sha256, loaded.sha256, sizeof image->sha256);
    TRY(status);
    run->states[item - run->items].warning = loaded.warning;
    if (run->options->input_noise > 0.0) {
        image_add_noise(run, item, worker->input);
    }
    TRY(image_predict(run, worker, item, image, err));
    TRY(allocate_results(run, image, err));
    TRY(image_attribute_all(run, worker, item, image, err));
    TRY(image_concentrate(run, image, err));
    struct curve_request request = {.input = worker->input,
                                    .output = image->output,
                                    .expected = item->label >= 0 ? item->label : image->predicted,
                                    .seed = random_derive(run->options->protocol.seed, item->id),
                                    .methods = image->methods,
                                    .method_count = run->options->method_count,
                                    .audited = audit_covers(run->out, item->index)};
    if (has_donors(run)) {
        TRY(image_take_donor(run, worker, item, image, err));
        request.donor = worker->donor;
    }
    if (!run->options->maps_only) {
        engine_watch_begin(&worker->watch);
        TRY(curve_evaluate(worker->curves, &request, err));
    }
    return image_locate(run, worker, item, &loaded.plan, image, err);
}

/* Fills the image's record, also with the failure that befell it. */
static enum vitlrp_status eval_run_image(const struct run *run, struct worker *worker,
                                         const struct eval_item *item, struct eval_image *image,
                                         struct vitlrp_error *err) {
    *image = (struct eval_image){
        .index = item->index, .label = item->label, .output = -1, .predicted = -1};
    image->id = mem_strdup(item->id);
    if (image->id == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for an image's name");
    }
    enum vitlrp_status status = image_measure(run, worker, item, image, err);
    if (status == VITLRP_OK || failure_is_systemic(status, err)) {
        return status;
    }
    eval_image_drop_results(image, run->options->method_count);
    image->status = status;
    image->message = mem_strdup(err->message);
    return image->message == NULL ? fail(err, VITLRP_NOMEM, "out of memory for a message")
                                  : VITLRP_OK;
}

/* ---- All images ---- */

static void run_show_progress(const struct run *run) {
    const struct vitlrp_eval_observer *observer = &run->options->observer;
    if (observer->progress != NULL) {
        observer->progress(observer->user, run->done, run->count + run->options->done_before,
                           run->failed);
    }
}

/* An image that a cancelled run left in the middle is none of its images. */
static void run_record_image(struct run *run, size_t index, enum vitlrp_status status,
                             bool has_failed, const struct vitlrp_error *err) {
    pthread_mutex_lock(&run->mutex);
    if (status != VITLRP_OK) {
        if (run->status == VITLRP_OK && status != VITLRP_CANCELLED) {
            run->status = status;
            run->err = *err;
        }
        atomic_store(&run->stop, true);
    } else {
        run->states[index].finished = true;
        run->done++;
        run->failed += has_failed ? 1 : 0;
        run_show_progress(run);
    }
    pthread_mutex_unlock(&run->mutex);
}

/* Hands the image over to whoever keeps it. */
static enum vitlrp_status run_keep_image(const struct run *run, struct eval_image *image,
                                         struct vitlrp_error *err) {
    const struct eval_run_options *options = run->options;
    enum vitlrp_status status = options->keep(options->keep_user, image, err);
    eval_image_free(image, options->method_count);
    return status;
}

static void image_task(void *context, size_t index, size_t thread) {
    struct run *run = context;
    struct vitlrp_error err = {0};
    struct eval_image passing = {0};
    struct eval_image *image = run->options->keep == NULL ? &run->out->images[index] : &passing;
    if (!run_goes_on(run)) {
        return;
    }
    enum vitlrp_status status =
        eval_run_image(run, &run->workers[thread], &run->items[index], image, &err);
    bool has_failed = image->status != VITLRP_OK;
    if (status == VITLRP_OK && run->options->keep != NULL) {
        status = run_keep_image(run, image, &err);
    }
    eval_image_free(&passing, run->options->method_count);
    run_record_image(run, index, status, has_failed, &err);
}

/* A log belongs to the thread that called the library, so workers leave their words for it. */
static void say_warnings(const struct run *run) {
    for (size_t i = 0; i < run->count; i++) {
        char name[240];
        if (run->states[i].warning != NULL) {
            text_escape_name(name, sizeof name, run->items[i].id);
            log_message(&run->options->log, LOG_LEVEL_WARNING, "%s: %s", name,
                        run->states[i].warning);
        }
        if (run->states[i].passed_donors > 0) {
            text_escape_name(name, sizeof name, run->items[i].id);
            log_message(&run->options->log, LOG_LEVEL_WARNING,
                        "%s: %zu image%s that it was to get patches from cannot be read: the next "
                        "one was taken",
                        name, run->states[i].passed_donors,
                        run->states[i].passed_donors == 1 ? "" : "s");
        }
    }
}

/* Leaves only finished images, in their order. */
static void keep_finished(struct run *run) {
    size_t kept = 0;
    for (size_t i = 0; i < run->count; i++) {
        if (run->states[i].finished) {
            run->out->images[kept++] = run->out->images[i];
        } else {
            eval_image_free(&run->out->images[i], run->out->method_count);
        }
    }
    run->out->image_count = kept;
}

static enum vitlrp_status check_options(const struct eval_run_options *options,
                                        struct vitlrp_error *err) {
    TRY(eval_protocol_check(&options->protocol, err));
    if (options->method_count == 0) {
        return fail(err, VITLRP_USAGE, "an evaluation needs a method");
    }
    return VITLRP_OK;
}

static enum vitlrp_status check_donors(const struct run *run, struct vitlrp_error *err) {
    return !has_donors(run) || run->count == 0 || donor_count(run) > 1
               ? VITLRP_OK
               : fail(err, VITLRP_MISMATCH,
                      "donor replaces patches by those of another image, and the set has only one");
}

static enum vitlrp_status describe_evaluation(const struct run *run, struct evaluation *out,
                                              struct vitlrp_error *err) {
    const struct eval_run_options *options = run->options;
    out->protocol = options->protocol;
    out->protocol.precision = run->precision;
    out->grid_height = (int32_t) run->grid.rows;
    out->grid_width = (int32_t) run->grid.columns;
    out->manifest_count = options->manifest_count > 0 ? options->manifest_count : run->count;
    out->shards = 1;
    out->methods = mem_calloc(options->method_count, sizeof *out->methods);
    if (out->methods == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for the names of methods");
    }
    out->method_count = options->method_count;
    for (size_t m = 0; m < options->method_count; m++) {
        out->methods[m] = mem_strdup(options->methods[m].name);
        if (out->methods[m] == NULL) {
            return fail(err, VITLRP_NOMEM, "out of memory for the names of methods");
        }
    }
    return VITLRP_OK;
}

static enum vitlrp_status prepare_record(struct run *run, struct vitlrp_error *err) {
    struct evaluation *out = run->out;
    bool is_kept = run->options->keep != NULL;
    out->images = is_kept ? NULL : mem_calloc(run->count, sizeof *out->images);
    run->states = mem_calloc(run->count, sizeof *run->states);
    if ((out->images == NULL && !is_kept) || run->states == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for %zu images", run->count);
    }
    return describe_evaluation(run, out, err);
}

static enum vitlrp_status open_workers(struct run *run, size_t wanted, struct vitlrp_error *err) {
    run->workers = mem_calloc(wanted, sizeof *run->workers);
    if (run->workers == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for %zu workers", wanted);
    }
    while (run->worker_count < wanted) {
        TRY(worker_open(run, &run->workers[run->worker_count++], err));
    }
    return VITLRP_OK;
}

/* Attributions and curves of an image: what a user would rather know before the work. */
static void say_work(const struct run *run) {
    const struct eval_run_options *options = run->options;
    struct vit_attributor *attributor = run->workers[0].attributor;
    double pass = vit_session_work(vit_attributor_session(attributor));
    double curves = 2.0 * (options->protocol.steps - 1) * (double) options->method_count;
    double operations = pass * (options->maps_only ? 1.0 : curves + 2.0);
    for (size_t m = 0; m < options->method_count; m++) {
        operations += vit_attributor_work(attributor, options->methods[m].method,
                                          &options->methods[m].options);
    }
    double rate = OPERATIONS_PER_SECOND * (run->precision == VITLRP_PRECISION_BF16 ? 2.0 : 1.0);
    if (operations > rate * TOLD_SECONDS) {
        log_message(&options->log, LOG_LEVEL_WARNING,
                    "attributions and curves of %zu method%s %.2g operations: %.0f s or more "
                    "for an image",
                    options->method_count, options->method_count == 1 ? " takes" : "s take",
                    operations, operations / rate);
    }
}

/* Before hours of work: a map that is missing, or of another model. */
static enum vitlrp_status check_maps(const struct run *run, struct vitlrp_error *err) {
    for (size_t m = 0; m < run->options->method_count; m++) {
        const struct eval_run_method *method = &run->options->methods[m];
        if (method->maps != NULL) {
            struct map_folder folder = folder_of(run, method);
            TRY(map_folder_check(&folder, run->items, run->count, err));
        }
    }
    return VITLRP_OK;
}

/* Everything between the mutex's birth and its end. */
static enum vitlrp_status run_open_and_evaluate(struct run *run, struct vitlrp_error *err) {
    struct pool *pool = NULL;
    enum vitlrp_status status = VITLRP_OK;
    size_t threads = size_max(1, size_min(run->options->threads, run->count));
    TRY(engine_pool_open(run->backend, threads, &pool, err));
    TRY_GOTO(status, open_workers(run, pool_threads(pool), err), cleanup);
    say_work(run);
    if (run->done > 0) {
        run_show_progress(run);
    }
    pool_run(pool, run->count, image_task, run);
    if (run->status != VITLRP_OK) {
        status = error_forward(err, &run->err);
    }
cleanup:
    for (size_t w = 0; w < run->worker_count; w++) {
        worker_close(&run->workers[w]);
    }
    mem_free(run->workers);
    pool_close(pool);
    return status;
}

/* Backend, precision, and the sizes of input and grid. */
static enum vitlrp_status run_set_shape(struct run *run, struct vitlrp_error *err) {
    const struct eval_run_options *options = run->options;
    const struct vit_config *config = &options->model->config;
    TRY(gemm_backend_find(options->backend, &run->backend, err));
    run->precision = packs_precision(run->backend, options->protocol.precision);
    run->source = (struct input_source){.preprocess = options->preprocess,
                                        .limits = options->limits,
                                        .ignore_exif = options->ignore_exif};
    input_source_size(&run->source, options->model);
    run->grid =
        (struct localize_grid){.rows = (size_t) (run->source.height / config->patch_height),
                               .columns = (size_t) (run->source.width / config->patch_width),
                               .patch_height = (size_t) config->patch_height,
                               .patch_width = (size_t) config->patch_width};
    return VITLRP_OK;
}

enum vitlrp_status eval_run_describe(const struct eval_run_options *options, struct evaluation *out,
                                     struct vitlrp_error *err) {
    struct run run = {.options = options};
    TRY(check_options(options, err));
    TRY(run_set_shape(&run, err));
    return describe_evaluation(&run, out, err);
}

enum vitlrp_status eval_run_thread_bytes(const struct eval_run_options *options, size_t *bytes,
                                         struct vitlrp_error *err) {
    struct run run = {.options = options};
    struct vit_attributor_options wanted;
    TRY(run_set_shape(&run, err));
    TRY(attributor_options(&run, &wanted, err));
    size_t total = MEM_OF_PHOTOGRAPH;
    size_t part = 0;
    enum vitlrp_status status = vit_attributor_bytes(options->model, &wanted, &part, err);
    mem_free((void *) wanted.methods);
    bool fits = checked_add(&total, total, part);
    /* Curves, and where they have fewer bits their audit. */
    size_t batches = options->maps_only ? 0 : run.precision == VITLRP_PRECISION_BF16 ? 2 : 1;
    for (size_t i = 0; i < batches && status == VITLRP_OK; i++) {
        struct vit_batch_options batch =
            batch_options(&run, i == 1 ? VITLRP_PRECISION_FP32 : run.precision);
        status = vit_batch_bytes(options->model, &batch, &part, err);
        fits = fits && checked_add(&total, total, part);
    }
    TRY(status);
    if (!fits) {
        return fail(err, VITLRP_LIMIT, "the evaluation needs more memory than can be counted");
    }
    *bytes = total;
    return VITLRP_OK;
}

enum vitlrp_status eval_run(const struct eval_run_options *options, const struct eval_item *items,
                            size_t count, struct evaluation *out, struct vitlrp_error *err) {
    struct evaluation evaluation = {0};
    struct run run = {.options = options,
                      .items = items,
                      .count = count,
                      .out = &evaluation,
                      .done = options->done_before,
                      .failed = options->failed_before};
    TRY(check_options(options, err));
    TRY(run_set_shape(&run, err));
    TRY(check_donors(&run, err));
    TRY(check_maps(&run, err));
    pthread_mutex_init(&run.mutex, NULL);
    enum vitlrp_status status = prepare_record(&run, err);
    if (status == VITLRP_OK) {
        status = run_open_and_evaluate(&run, err);
    }
    pthread_mutex_destroy(&run.mutex);
    if (run.states != NULL) {
        say_warnings(&run);
    }
    if (evaluation.images != NULL && run.states != NULL) {
        keep_finished(&run);
    }
    mem_free(run.states);
    if (status != VITLRP_OK) {
        evaluation_free(&evaluation);
        return status;
    }
    evaluation.cancelled = run.cancelled;
    *out = evaluation;
    return VITLRP_OK;
}
