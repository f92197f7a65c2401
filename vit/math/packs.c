#include "vit/math/packs.h"

#include <pthread.h>

#include "base/checked.h"
#include "base/mem.h"

/* Every arrangement that some session may want, of every layer that can have it. */
enum pack_use {
    FORWARD_FP32,
    FORWARD_BF16,
    BACKWARD_BF16,
    ABSOLUTE_FORWARD_INT8,
    ABSOLUTE_BACKWARD_BF16,
    FORWARD_BF16X3,
    BACKWARD_BF16X3,
    ABSOLUTE_FORWARD_BF16X3,
    ABSOLUTE_BACKWARD_BF16X3,
    PACK_USES
};

struct use_row {
    enum gemm_format format;
    bool backward, absolute;
};

static const struct use_row USES[PACK_USES] = {
    [FORWARD_FP32] = {.format = GEMM_FP32},
    [FORWARD_BF16] = {.format = GEMM_BF16},
    [BACKWARD_BF16] = {.format = GEMM_BF16, .backward = true},
    [ABSOLUTE_FORWARD_INT8] = {.format = GEMM_INT8, .absolute = true},
    [ABSOLUTE_BACKWARD_BF16] = {.format = GEMM_BF16, .backward = true, .absolute = true},
    [FORWARD_BF16X3] = {.format = GEMM_BF16X3},
    [BACKWARD_BF16X3] = {.format = GEMM_BF16X3, .backward = true},
    [ABSOLUTE_FORWARD_BF16X3] = {.format = GEMM_BF16X3, .absolute = true},
    [ABSOLUTE_BACKWARD_BF16X3] = {.format = GEMM_BF16X3, .backward = true, .absolute = true},
};

struct pack_store {
    pthread_mutex_t mutex; /* guards all that follows; packs never change once they are there */
    size_t layers;
    bool made[PACK_USES];
    struct gemm_pack **packs[PACK_USES]; /* [layers] */
    void *blocks[PACK_USES]; /* the elements of all packs of a use: one block, so that it lies on
                                huge pages, whose addresses a processor translates faster */
    size_t bytes[PACK_USES];
};

struct pack_store *pack_store_open(size_t layers) {
    struct pack_store *store = mem_calloc(1, sizeof *store);
    if (store == NULL) {
        return NULL;
    }
    pthread_mutex_init(&store->mutex, NULL);
    store->layers = layers;
    for (size_t use = 0; use < PACK_USES; use++) {
        store->packs[use] = mem_calloc(layers, sizeof *store->packs[use]);
        if (store->packs[use] == NULL) {
            pack_store_close(store);
            return NULL;
        }
    }
    return store;
}

static void close_use(struct pack_store *store, enum pack_use use) {
    for (size_t i = 0; i < store->layers; i++) {
        gemm_pack_close(store->packs[use][i]);
        store->packs[use][i] = NULL;
    }
    mem_free(store->blocks[use]);
    store->blocks[use] = NULL;
    store->bytes[use] = 0;
    store->made[use] = false;
}

void pack_store_close(struct pack_store *store) {
    if (store == NULL) {
        return;
    }
    for (size_t use = 0; use < PACK_USES; use++) {
        if (store->packs[use] != NULL) {
            close_use(store, (enum pack_use) use);
        }
        mem_free(store->packs[use]);
    }
    pthread_mutex_destroy(&store->mutex);
    mem_free(store);
}

enum vitlrp_precision packs_precision(const struct gemm_backend *backend,
                                      enum vitlrp_precision precision) {
    const struct gemm_packing *packing = backend->packing;
    if (packing == NULL ||
        (precision == VITLRP_PRECISION_BF16X3 && !packing->supports(GEMM_BF16X3))) {
        return VITLRP_PRECISION_FP32;
    }
    bool has_both = packing->supports(GEMM_BF16) && packing->supports(GEMM_INT8);
    return has_both ? precision : VITLRP_PRECISION_FP32;
}

struct bf16_form packs_form(const struct gemm_backend *backend, enum vitlrp_precision precision) {
    struct bf16_form form = {.unit =
                                 backend->packing == NULL ? BF16_NONE : backend->packing->unit(),
                             .pieces = precision == VITLRP_PRECISION_BF16     ? 1
                                       : precision == VITLRP_PRECISION_BF16X3 ? 2
                                                                              : 0};
    return form.unit == BF16_NONE || form.pieces == 0 ? (struct bf16_form){0} : form;
}

/* ---- Making ---- */

/* All packs of one use in the making. */
struct make_job {
    const struct packed_layer *layers;
    size_t count;
    const struct engine *engine;
    const struct use_row *row;
    struct gemm_pack **packs;
    unsigned char *block;
    size_t *places;               /* [layers]: where a layer's elements begin */
    enum vitlrp_status *statuses; /* [layers] */
    struct vitlrp_error *errors;  /* [layers] */
};

static bool has_use(const struct make_job *job, size_t index) {
    return !job->row->absolute || job->layers[index].absolute;
}

static struct gemm_weights weights_of(const struct make_job *job, const struct linear *layer) {
    return job->row->backward ? linear_backward_weights(layer) : linear_forward_weights(layer);
}

static struct gemm_pack_request request_of(const struct make_job *job,
                                           const struct gemm_weights *weights) {
    return (struct gemm_pack_request){.backend = job->engine->backend,
                                      .weights = weights,
                                      .format = job->row->format,
                                      .absolute = job->row->absolute};
}

/* Bytes of a layer's elements; layers of equal shape have equally many. */
static enum vitlrp_status layer_bytes(const struct make_job *job, size_t index, size_t *known,
                                      size_t *bytes, struct vitlrp_error *err) {
    const struct linear *layer = &job->layers[index].layer;
    for (size_t i = 0; i < index; i++) {
        const struct linear *earlier = &job->layers[i].layer;
        if (known[i] > 0 && earlier->outputs == layer->outputs &&
            earlier->inputs == layer->inputs) {
            *bytes = known[i];
            return VITLRP_OK;
        }
    }
    struct gemm_weights weights = weights_of(job, layer);
    struct gemm_pack_request request = request_of(job, &weights);
    return gemm_pack_bytes(&request, job->engine->threads[0].context, bytes, err);
}

/* Fills the places; *total is the block's size. `known` is [layers], zeroed. */
static enum vitlrp_status measure_layers(const struct make_job *job, size_t *known, size_t *total,
                                         struct vitlrp_error *err) {
    *total = 0;
    for (size_t i = 0; i < job->count; i++) {
        job->places[i] = *total;
        if (has_use(job, i)) {
            TRY(layer_bytes(job, i, known, &known[i], err));
            if (!checked_add(total, *total, known[i])) {
                return fail(err, VITLRP_LIMIT, "arranged weights need more memory than there is");
            }
        }
    }
    return VITLRP_OK;
}

static void make_pack(void *context, size_t index, size_t thread) {
    const struct make_job *job = context;
    struct gemm_weights weights = weights_of(job, &job->layers[index].layer);
    struct gemm_pack_request request = request_of(job, &weights);
    if (has_use(job, index)) {
        job->statuses[index] = gemm_pack_open(&request, job->engine->threads[thread].context,
                                              job->block + job->places[index], &job->packs[index],
                                              &job->errors[index]);
    }
}

static enum vitlrp_status first_failure(const struct make_job *job, struct vitlrp_error *err) {
    for (size_t i = 0; i < job->count; i++) {
        if (job->statuses[i] != VITLRP_OK) {
            return error_forward(err, &job->errors[i]);
        }
    }
    return VITLRP_OK;
}

/* Takes a block for the use and fills it. */
static enum vitlrp_status fill_block(struct make_job *job, struct pack_store *store,
                                     enum pack_use use, struct vitlrp_error *err) {
    size_t *known = mem_calloc(job->count, sizeof *known);
    enum vitlrp_status status = known == NULL
                                    ? fail(err, VITLRP_NOMEM, "out of memory for arranged weights")
                                    : measure_layers(job, known, &store->bytes[use], err);
    mem_free(known);
    TRY(status);
    store->blocks[use] = mem_alloc_aligned(store->bytes[use], 1);
    if (store->blocks[use] == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory: %zu bytes for arranged weights",
                    store->bytes[use]);
    }
    job->block = store->blocks[use];
    pool_run(job->engine->pool, job->count, make_pack, job);
    return first_failure(job, err);
}

/* With the store's mutex held. */
static enum vitlrp_status make_use(struct pack_store *store, const struct packed_layer *layers,
                                   const struct engine *engine, enum pack_use use,
                                   struct vitlrp_error *err) {
    struct make_job job = {.layers = layers,
                           .count = store->layers,
                           .engine = engine,
                           .row = &USES[use],
                           .packs = store->packs[use],
                           .places = mem_calloc(store->layers, sizeof *job.places),
                           .statuses = mem_calloc(store->layers, sizeof *job.statuses),
                           .errors = mem_calloc(store->layers, sizeof *job.errors)};
    enum vitlrp_status status = VITLRP_OK;
    struct gemm_entry saved;
    engine->backend->enter(&saved);
    if (job.places == NULL || job.statuses == NULL || job.errors == NULL) {
        status = fail(err, VITLRP_NOMEM, "out of memory for arranged weights");
    } else {
        status = fill_block(&job, store, use, err);
    }
    engine->backend->leave(&saved);
    mem_free(job.places);
    mem_free(job.statuses);
    mem_free(job.errors);
    store->made[use] = status == VITLRP_OK;
    if (status != VITLRP_OK) {
        close_use(store, use);
    }
    return status;
}

/* ---- Choosing ---- */

static bool wants(const struct packs_request *request, enum pack_use use) {
    bool fewer_bits =
        request->precision == VITLRP_PRECISION_MIXED || request->precision == VITLRP_PRECISION_BF16;
    bool pieces = request->precision == VITLRP_PRECISION_BF16X3;
    switch (use) {
    case FORWARD_FP32:
        return request->many_passes && !pieces && request->precision != VITLRP_PRECISION_BF16;
    case FORWARD_BF16:
        return request->precision == VITLRP_PRECISION_BF16;
    case BACKWARD_BF16:
        return request->precision == VITLRP_PRECISION_BF16 && request->backward;
    case FORWARD_BF16X3:
        return pieces;
    case BACKWARD_BF16X3:
    case ABSOLUTE_FORWARD_BF16X3:
    case ABSOLUTE_BACKWARD_BF16X3:
        return pieces && request->backward;
    default:
        return fewer_bits && request->backward;
    }
}

static const struct gemm_pack **member_of(struct linear_packs *packs, const struct use_row *row) {
    if (row->absolute) {
        return row->backward ? &packs->absolute_backward : &packs->absolute_forward;
    }
    return row->backward ? &packs->backward : &packs->forward;
}

static enum vitlrp_status take_use(struct pack_store *store, const struct packed_layer *layers,
                                   const struct engine *engine, enum pack_use use,
                                   struct linear_packs *packs, struct vitlrp_error *err) {
    enum vitlrp_status status = VITLRP_OK;
    pthread_mutex_lock(&store->mutex);
    if (!store->made[use]) {
        status = make_use(store, layers, engine, use, err);
    }
    pthread_mutex_unlock(&store->mutex);
    for (size_t i = 0; status == VITLRP_OK && i < store->layers; i++) {
        *member_of(&packs[i], &USES[use]) = store->packs[use][i];
    }
    return status;
}

enum vitlrp_status packs_choose(struct pack_store *store, const struct packed_layer *layers,
                                const struct engine *engine, const struct packs_request *request,
                                struct linear_packs *packs, struct vitlrp_error *err) {
    for (size_t i = 0; i < store->layers; i++) {
        packs[i] = (struct linear_packs){0};
    }
    for (size_t use = 0; use < PACK_USES; use++) {
        bool supported = engine->backend->packing != NULL &&
                         engine->backend->packing->supports(USES[use].format);
        if (supported && wants(request, (enum pack_use) use)) {
            TRY(take_use(store, layers, engine, (enum pack_use) use, packs, err));
        }
    }
    return VITLRP_OK;
}

void packs_forget(struct pack_store *store) {
    for (size_t use = 0; use < PACK_USES; use++) {
        close_use(store, (enum pack_use) use);
    }
}

size_t packs_bytes(struct pack_store *store) {
    size_t bytes = 0;
    pthread_mutex_lock(&store->mutex);
    for (size_t use = 0; use < PACK_USES; use++) {
        bytes += store->bytes[use];
    }
    pthread_mutex_unlock(&store->mutex);
    return bytes;
}
