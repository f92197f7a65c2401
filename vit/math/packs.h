/* Layers' weights arranged for a backend and a precision: made when somebody first asks for them,
 * held in a store that a model owns, shared by all its sessions. The weights as stored stay, since
 * sessions of another precision read them. */
#ifndef VIT_PACKS_H
#define VIT_PACKS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "vit/math/bf16.h"
#include "vit/math/engine.h"
#include "vit/math/linear.h"

/* VITLRP_PRECISION_FP32 where the backend or the processor has nothing faster for the precision
 * asked for. */
enum vitlrp_precision packs_precision(const struct gemm_backend *backend,
                                      enum vitlrp_precision precision);

/* Products by the processor's own unit, at a precision that packs_precision gave: BF16_NONE where
 * floats are multiplied. */
struct bf16_form packs_form(const struct gemm_backend *backend, enum vitlrp_precision precision);

/* A layer that can be arranged. */
struct packed_layer {
    struct linear layer; /* its bias and packs are not read */
    bool absolute;       /* |W| too: its gamma is usually on */
};

struct pack_store;

/* For so many layers. NULL without memory. */
struct pack_store *pack_store_open(size_t layers);
void pack_store_close(struct pack_store *store); /* NULL is ignored */

/* What a session or batch will do with the weights. */
struct packs_request {
    enum vitlrp_precision precision; /* as packs_precision gave it */
    bool backward;                   /* relevance too */
    bool many_passes; /* arranging them takes some ten forward passes' time: worth it in float32 */
};

/* Fills packs for the request, one for each of the store's layers, making on the engine's pool what
 * is not there yet. Any number of threads, one engine each. */
enum vitlrp_status packs_choose(struct pack_store *store, const struct packed_layer *layers,
                                const struct engine *engine, const struct packs_request *request,
                                struct linear_packs *packs, struct vitlrp_error *err);

/* Drops what has been arranged, for those who change weights. No session may be open. */
void packs_forget(struct pack_store *store);

/* Bytes of everything that has been arranged. */
size_t packs_bytes(struct pack_store *store);

#endif
