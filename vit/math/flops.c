#include "vit/math/flops.h"

static double product(size_t m, size_t n, size_t k) {
    return 2.0 * (double) m * (double) n * (double) k;
}

double flops_linear(const struct linear *layer, size_t rows) {
    return product(rows, layer->outputs, layer->inputs);
}

double flops_linear_relevance(const struct linear_step *step) {
    double products = 1.0;
    if (step->rule.gamma != 0.0F) {
        products = step->total != NULL && step->total_is_made ? 2.0 : 3.0;
    }
    return products * flops_linear(step->layer, step->rows);
}

/* One product of the attention, over all heads. */
static double head_products(const struct attention *attention) {
    return product(attention->rows, attention->tokens, attention->dim);
}

double flops_attention(const struct attention *attention, size_t images) {
    return 2.0 * (double) images * head_products(attention);
}

double flops_attention_relevance(const struct attention *attention, struct attention_rule rule) {
    double products = attention->differential ? 5.0 : 4.0; /* G_A is made twice */
    return (rule.constant ? 1.0 : products) * head_products(attention);
}
