/* The naive twins of the kernels: float64, literal forms of the rules, one loop per index. Slow and
 * obviously right. */
#ifndef TESTS_NAIVE_H
#define TESTS_NAIVE_H

#include <stdbool.h>
#include <stddef.h>

/* y [rows, outputs] = x W^T + b. */
void naive_linear(const float *x, const float *weight, const float *bias, size_t rows,
                  size_t inputs, size_t outputs, double *y);

/* G_x of the generalised gamma rule in its relevance form, as zennit states it: contributions of
 * the output's sign are weighted 1 + gamma, the others 1, bias included; gamma infinite weights
 * them 1 and 0. R_x / x is G_x; x must not be 0. */
void naive_gamma(const float *x, const float *weight, const float *bias, const float *g_y,
                 size_t rows, size_t inputs, size_t outputs, double gamma, double *g_x);

/* G_x of the epsilon rule (0: LRP-0). */
void naive_epsilon(const float *x, const float *weight, const float *bias, const float *g_y,
                   size_t rows, size_t inputs, size_t outputs, double epsilon, double *g_x);

void naive_norm(const float *x, const float *weight, const float *bias, size_t dim, double eps,
                double *y);

/* R_x of LayerNorm as two linear maps, with LRP-0 on each: centring, then scaling by weight / std
 * with std constant. */
void naive_norm_relevance(const float *x, const float *weight, const float *g_y, size_t dim,
                          double eps, double *r_x);

/* RMSNorm, and R_x of it: a linear map with one contribution to each output, rms constant. */
void naive_rms(const float *x, const float *weight, size_t dim, double eps, double *y);
void naive_rms_relevance(const float *x, const float *weight, const float *g_y, size_t dim,
                         double eps, double *r_x);

/* h = a(gate) * value, a(z) = z sigmoid(z), and relevances (not G) of both: half of h's to each
 * factor, and what a(gate) receives to the gate; under CP-LRP all to the value. */
void naive_swiglu(const float *gate, const float *value, size_t count, double *h);
void naive_swiglu_relevance(const float *gate, const float *value, const float *g_h, size_t count,
                            bool cp, double *r_gate, double *r_value);

/* One head. q [rows, size], k, v [tokens, size] with row stride; a [rows, tokens], o [rows, size].
 */
void naive_attention(const float *q, const float *k, const float *v, size_t stride, size_t rows,
                     size_t tokens, size_t size, double *a, double *o);

/* Relevances (not G) of q, k, v from g_o, row by row in relevance form. */
void naive_attention_relevance(const float *q, const float *k, const float *v, size_t stride,
                               size_t rows, size_t tokens, size_t size, const float *g_o, bool cp,
                               double *r_q, double *r_k, double *r_v);

/* Gradients of q, k, v from g_o. */
void naive_attention_gradient(const float *q, const float *k, const float *v, size_t stride,
                              size_t rows, size_t tokens, size_t size, const float *g_o,
                              double *g_q, double *g_k, double *g_v);

#endif
