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
    PACK_USES
};

struct use_row {
    enum gemm_format format;
    bool backward, absolute;
    bool mlp_only;
};

static const struct use_row USES[PACK_USES] = {
    [FORWARD_FP32] = {.format = GEMM_FP32},
    [FORWARD_BF16] = {.format = GEMM_BF16},
    [BACKWARD_BF16] = {.format = GEMM_BF16, .backward = true},
    [ABSOLUTE_FORWARD_INT8] = {.format = GEMM_INT8, .absolute = true, .mlp_only = true},
    [ABSOLUTE_BACKWARD_BF16] = {.format = GEMM_BF16,
                                .backward = true,
                                .absolute = true,
                                .mlp_only = true},
};

struct pack_store {
    pthread_mutex_t mutex; /* guards all that follows; packs never change once they are there */
    size_t depth;
    bool made[PACK_USES];
    struct gemm_pack **packs[PACK_USES]; /* [depth, PACKED_LAYERS] */
    void *blocks[PACK_USES]; /* the elements of all packs of a use: one block, so that it lies on
                                huge pages, whose addresses a processor translates faster */
    size_t bytes[PACK_USES];
};

struct pack_store *pack_store_open(size_t depth) {
    struct pack_store *store = mem_calloc(1, sizeof *store);
    if (store == NULL) {
        return NULL;
    }
    pthread_mutex_init(&store->mutex, NULL);
    store->depth = depth;
    for (size_t use = 0; use < PACK_USES; use++) {
        store->packs[use] = mem_calloc(depth * PACKED_LAYERS, sizeof *store->packs[use]);
        if (store->packs[use] == NULL) {
            pack_store_close(store);
            return NULL;
        }
    }
    return store;
}

static void close_use(struct pack_store *store, enum pack_use use) {
    for (size_t i = 0; i < store->depth * PACKED_LAYERS; i++) {
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
    bool has_both = backend->packing != NULL && backend->packing->supports(GEMM_BF16) &&
                    backend->packing->supports(GEMM_INT8);
    return has_both ? precision : VITLRP_PRECISION_FP32;
}

/* ---- Making ---- */

/* All packs of one use in the making. */
struct make_job {
    const struct vit_model *model;
    const struct engine *engine;
    const struct use_row *row;
    struct gemm_pack **packs;
    unsigned char *block;
    size_t layer_bytes[PACKED_LAYERS]; /* 0 where a layer has no such use */
    enum vitlrp_status *statuses;      /* [depth, PACKED_LAYERS] */
    struct vitlrp_error *errors;       /* the same */
};

static struct linear layer_of(const struct vit_model *model, size_t index) {
    const struct vit_block *block = &model->weights.blocks[index / PACKED_LAYERS];
    size_t dim = (size_t) model->config.dim;
    size_t mlp = (size_t) model->config.mlp_dim;
    switch ((enum packed_layer)(index % PACKED_LAYERS)) {
    case PACKED_QKV:
        return (struct linear){.weight = block->qkv_weight, .outputs = 3 * dim, .inputs = dim};
    case PACKED_PROJ:
        return (struct linear){.weight = block->proj_weight, .outputs = dim, .inputs = dim};
    case PACKED_FC1:
        return (struct linear){.weight = block->fc1_weight, .outputs = mlp, .inputs = dim};
    default:
        return (struct linear){.weight = block->fc2_weight, .outputs = dim, .inputs = mlp};
    }
}

static bool has_use(const struct use_row *row, size_t index) {
    return !row->mlp_only || index % PACKED_LAYERS >= PACKED_FC1;
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

/* All blocks are alike, so the first one tells. */
static enum vitlrp_status measure_layers(struct make_job *job, size_t *total,
                                         struct vitlrp_error *err) {
    size_t block = 0;
    for (size_t i = 0; i < PACKED_LAYERS; i++) {
        if (has_use(job->row, i)) {
            struct linear layer = layer_of(job->model, i);
            struct gemm_weights weights = weights_of(job, &layer);
            struct gemm_pack_request request = request_of(job, &weights);
            TRY(gemm_pack_bytes(&request, job->engine->threads[0].context, &job->layer_bytes[i],
                                err));
            block += job->layer_bytes[i];
        }
    }
    return checked_mul(total, block, (size_t) job->model->config.depth)
               ? VITLRP_OK
               : fail(err, VITLRP_LIMIT, "arranged weights need more memory than there is");
}

static size_t place_of(const struct make_job *job, size_t index) {
    size_t before = 0;
    size_t block = 0;
    for (size_t i = 0; i < PACKED_LAYERS; i++) {
        before += i < index % PACKED_LAYERS ? job->layer_bytes[i] : 0;
        block += job->layer_bytes[i];
    }
    return index / PACKED_LAYERS * block + before;
}

static void make_pack(void *context, size_t index, size_t thread) {
    const struct make_job *job = context;
    struct linear layer = layer_of(job->model, index);
    struct gemm_weights weights = weights_of(job, &layer);
    struct gemm_pack_request request = request_of(job, &weights);
    if (has_use(job->row, index)) {
        job->statuses[index] = gemm_pack_open(&request, job->engine->threads[thread].context,
                                              job->block + place_of(job, index), &job->packs[index],
                                              &job->errors[index]);
    }
}

static enum vitlrp_status first_failure(const struct make_job *job, size_t count,
                                        struct vitlrp_error *err) {
    for (size_t i = 0; i < count; i++) {
        if (job->statuses[i] != VITLRP_OK) {
            return error_forward(err, &job->errors[i]);
        }
    }
    return VITLRP_OK;
}

static enum vitlrp_status make_packs(struct make_job *job, size_t count, struct vitlrp_error *err) {
    job->statuses = mem_calloc(count, sizeof *job->statuses);
    job->errors = mem_calloc(count, sizeof *job->errors);
    enum vitlrp_status status = VITLRP_OK;
    if (job->statuses == NULL || job->errors == NULL) {
        status = fail(err, VITLRP_NOMEM, "out of memory for arranged weights");
    } else {
        pool_run(job->engine->pool, count, make_pack, job);
        status = first_failure(job, count, err);
    }
    mem_free(job->statuses);
    mem_free(job->errors);
    return status;
}

/* With the store's mutex held. */
static enum vitlrp_status make_use(const struct vit_model *model, const struct engine *engine,
                                   enum pack_use use, struct vitlrp_error *err) {
    struct pack_store *store = model->packs;
    struct make_job job = {
        .model = model, .engine = engine, .row = &USES[use], .packs = store->packs[use]};
    enum vitlrp_status status = VITLRP_OK;
    struct gemm_entry saved;
    engine->backend->enter(&saved);
    TRY_GOTO(status, measure_layers(&job, &store->bytes[use], err), cleanup);
    store->blocks[use] = mem_alloc_aligned(store->bytes[use], 1);
    if (store->blocks[use] == NULL) {
        status = fail(err, VITLRP_NOMEM, "out of memory: %zu bytes for arranged weights",
                      store->bytes[use]);
        goto cleanup;
    }
    job.block = store->blocks[use];
    TRY_GOTO(status, make_packs(&job, store->depth * PACKED_LAYERS, err), cleanup);
    store->made[use] = true;

cleanup:
    engine->backend->leave(&saved);
    if (status != VITLRP_OK) {
        close_use(store, use);
    }
    return status;
}

/* ---- Choosing ---- */

static bool wants(const struct packs_request *request, enum pack_use use) {
    bool fewer_bits = request->precision != VITLRP_PRECISION_FP32;
    switch (use) {
    case FORWARD_FP32:
        return request->many_passes && request->precision != VITLRP_PRECISION_BF16;
    case FORWARD_BF16:
        return request->precision == VITLRP_PRECISION_BF16;
    case BACKWARD_BF16:
        return request->precision == VITLRP_PRECISION_BF16 && request->backward;
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

static enum vitlrp_status take_use(const struct vit_model *model, const struct engine *engine,
                                   enum pack_use use, struct linear_packs *packs,
                                   struct vitlrp_error *err) {
    struct pack_store *store = model->packs;
    enum vitlrp_status status = VITLRP_OK;
    pthread_mutex_lock(&store->mutex);
    if (!store->made[use]) {
        status = make_use(model, engine, use, err);
    }
    pthread_mutex_unlock(&store->mutex);
    for (size_t i = 0; status == VITLRP_OK && i < store->depth * PACKED_LAYERS; i++) {
        *member_of(&packs[i], &USES[use]) = store->packs[use][i];
    }
    return status;
}

enum vitlrp_status packs_choose(const struct vit_model *model, const struct engine *engine,
                                const struct packs_request *request, struct linear_packs *packs,
                                struct vitlrp_error *err) {
    for (size_t i = 0; i < (size_t) model->config.depth * PACKED_LAYERS; i++) {
        packs[i] = (struct linear_packs){0};
    }
    for (size_t use = 0; use < PACK_USES; use++) {
        bool supported = engine->backend->packing != NULL &&
                         engine->backend->packing->supports(USES[use].format);
        if (supported && wants(request, (enum pack_use) use)) {
            TRY(take_use(model, engine, (enum pack_use) use, packs, err));
        }
    }
    return VITLRP_OK;
}

void packs_forget(struct vit_model *model) {
    for (size_t use = 0; use < PACK_USES; use++) {
        close_use(model->packs, (enum pack_use) use);
    }
}

size_t packs_bytes(const struct vit_model *model) {
    struct pack_store *store = model->packs;
    size_t bytes = 0;
    pthread_mutex_lock(&store->mutex);
    for (size_t use = 0; use < PACK_USES; use++) {
        bytes += store->bytes[use];
    }
    pthread_mutex_unlock(&store->mutex);
    return bytes;
}
