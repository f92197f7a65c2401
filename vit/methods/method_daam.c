/* DAAM, dynamic accumulated attention maps (Liao, Gao, Zhang, Pattern Recognition 2025): with T_l =
 * A_l V_l the heads of block l side by side, the score of patch j is
 *     sum_l relu( sum_d relu(ds / dT_l[CLS, d]) A_l[CLS, j] V_l[j, d] )
 * (their eq. 8 and 9, without the scaling of each block's map to [0, 1]). Where the head reads
 * other tokens than CLS, these stand in its place: the inner sum is then over their rows, too. */
#include <string.h>

#include "vit/methods/method_private.h"

struct daam {
    const double *shares; /* [tokens]: of what the head reads */
    double *block, *sum;  /* [tokens] */
    size_t first;         /* token of the patches */
};

/* Adds what a query row says about every token. */
static void add_row(const struct daam *daam, const struct vit_attention_view *view, size_t row) {
    size_t size = view->dim / view->heads;
    const float *g = view->g_out + row * view->dim;
    for (size_t t = daam->first; t < view->tokens; t++) {
        const float *v = view->v + t * view->v_stride;
        for (size_t h = 0; h < view->heads; h++) {
            double sum = 0.0;
            for (size_t d = h * size; d < (h + 1) * size; d++) {
                sum += g[d] > 0.0F ? (double) g[d] * v[d] : 0.0;
            }
            daam->block[t] += sum * view->a[(h * view->rows + row) * view->tokens + t];
        }
    }
}

static void daam_block(void *user, const struct vit_attention_view *view) {
    const struct daam *daam = user;
    memset(daam->block, 0, view->tokens * sizeof *daam->block);
    for (size_t row = 0; row < view->rows; row++) {
        if (daam->shares[row] != 0.0) {
            add_row(daam, view, row);
        }
    }
    for (size_t t = daam->first; t < view->tokens; t++) {
        daam->sum[t] += daam->block[t] > 0.0 ? daam->block[t] : 0.0;
    }
}

enum vitlrp_status method_daam(struct vit_attributor *attributor,
                               const struct vit_method_request *request, struct vitlrp_error *err) {
    const struct attributor_scratch *scratch = &attributor->scratch;
    struct daam daam = {.shares = scratch->row,
                        .block = scratch->line,
                        .sum = scratch->next,
                        .first = attributor->layout.prefix};
    struct vit_relevance relevance = {.visitor = {daam_block, &daam}};
    attributor_read_shares(attributor, scratch->row);
    memset(daam.sum, 0, attributor->tokens * sizeof *daam.sum);
    TRY(vit_relevance(attributor->session, request->seed, request->seed_count, NULL, &relevance,
                      err));
    for (size_t p = 0; p < attributor->patches; p++) {
        request->patches[p] = (float) daam.sum[daam.first + p];
    }
    return VITLRP_OK;
}
