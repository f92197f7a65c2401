/* A model's weights arranged for a backend and a precision: made when a session first asks for
 * them, held by the model, shared by all its sessions. The weights as stored stay, since sessions
 * of another precision read them. */
#ifndef VIT_PACKS_H
#define VIT_PACKS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "vit/math/engine.h"
#include "vit/math/linear.h"
#include "vit/model/model.h"

/* VITLRP_PRECISION_FP32 where the backend or the processor has nothing faster for the precision
 * asked for. */
enum vitlrp_precision packs_precision(const struct gemm_backend *backend,
                                      enum vitlrp_precision precision);

enum packed_layer { PACKED_QKV, PACKED_PROJ, PACKED_FC1, PACKED_FC2, PACKED_LAYERS };

struct pack_store;

/* NULL without memory. */
struct pack_store *pack_store_open(size_t depth);
void pack_store_close(struct pack_store *store); /* NULL is ignored */

/* What a session or batch will do with the weights. */
struct packs_request {
    enum vitlrp_precision precision; /* as packs_precision gave it */
    bool backward;                   /* relevance too */
    bool many_passes; /* arranging them takes some ten forward passes' time: worth it in float32 */
};

/* Fills packs [depth, PACKED_LAYERS] for the request, making on the engine's pool what is not there
 * yet. Any number of threads, one engine each. */
enum vitlrp_status packs_choose(const struct vit_model *model, const struct engine *engine,
                                const struct packs_request *request, struct linear_packs *packs,
                                struct vitlrp_error *err);

/* Drops what has been arranged, for those who change weights. No session may be open. */
void packs_forget(struct vit_model *model);

/* Bytes of everything that has been arranged for the model. */
size_t packs_bytes(const struct vit_model *model);

#endif
