#include "support/naive.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void naive_linear(const float *x, const float *weight, const float *bias, size_t rows,
                  size_t inputs, size_t outputs, double *y) {
    for (size_t r = 0; r < rows; r++) {
        for (size_t j = 0; j < outputs; j++) {
            double sum = bias[j];
            for (size_t i = 0; i < inputs; i++) {
                sum += (double) x[r * inputs + i] * weight[j * inputs + i];
            }
            y[r * outputs + j] = sum;
        }
    }
}

/* How much a contribution counts for an output of value z. */
static double favour(double contribution, double z, double gamma) {
    bool same_sign = (contribution > 0.0 && z > 0.0) || (contribution < 0.0 && z < 0.0);
    if (isinf(gamma)) {
        return same_sign ? 1.0 : 0.0;
    }
    return same_sign ? 1.0 + gamma : 1.0;
}

void naive_gamma(const float *x, const float *weight, const float *bias, const float *g_y,
                 size_t rows, size_t inputs, size_t outputs, double gamma, double *g_x) {
    double *y = calloc(rows * outputs, sizeof *y);
    naive_linear(x, weight, bias, rows, inputs, outputs, y);
    for (size_t i = 0; i < rows * inputs; i++) {
        g_x[i] = 0.0;
    }
    for (size_t r = 0; r < rows; r++) {
        for (size_t j = 0; j < outputs; j++) {
            double z = y[r * outputs + j];
            double below = bias[j] * favour(bias[j], z, gamma);
            for (size_t i = 0; i < inputs; i++) {
                double c = (double) x[r * inputs + i] * weight[j * inputs + i];
                below += c * favour(c, z, gamma);
            }
            double relevance = z * g_y[r * outputs + j];
            for (size_t i = 0; i < inputs && z != 0.0; i++) {
                double c = (double) x[r * inputs + i] * weight[j * inputs + i];
                g_x[r * inputs + i] +=
                    c * favour(c, z, gamma) / below * relevance / x[r * inputs + i];
            }
        }
    }
    free(y);
}

void naive_epsilon(const float *x, const float *weight, const float *bias, const float *g_y,
                   size_t rows, size_t inputs, size_t outputs, double epsilon, double *g_x) {
    double *y = calloc(rows * outputs, sizeof *y);
    naive_linear(x, weight, bias, rows, inputs, outputs, y);
    for (size_t r = 0; r < rows; r++) {
        for (size_t i = 0; i < inputs; i++) {
            double sum = 0.0;
            for (size_t j = 0; j < outputs; j++) {
                double z = y[r * outputs + j];
                double stabilised = z + (z > 0.0 ? epsilon : -epsilon);
                sum += weight[j * inputs + i] * (z * g_y[r * outputs + j]) / stabilised;
            }
            g_x[r * inputs + i] = sum;
        }
    }
    free(y);
}

struct statistics {
    double mean, std;
};

static struct statistics statistics_of(const float *x, size_t dim, double eps) {
    double mean = 0.0;
    double variance = 0.0;
    for (size_t i = 0; i < dim; i++) {
        mean += x[i] / (double) dim;
    }
    for (size_t i = 0; i < dim; i++) {
        variance += (x[i] - mean) * (x[i] - mean) / (double) dim;
    }
    return (struct statistics){mean, sqrt(variance + eps)};
}

void naive_norm(const float *x, const float *weight, const float *bias, size_t dim, double eps,
                double *y) {
    struct statistics row = statistics_of(x, dim, eps);
    for (size_t i = 0; i < dim; i++) {
        y[i] = (x[i] - row.mean) / row.std * weight[i] + bias[i];
    }
}

void naive_norm_relevance(const float *x, const float *weight, const float *g_y, size_t dim,
                          double eps, double *r_x) {
    struct statistics row = statistics_of(x, dim, eps);
    for (size_t i = 0; i < dim; i++) {
        r_x[i] = 0.0;
    }
    for (size_t j = 0; j < dim; j++) {
        /* d z_j / d x_i of z = (x_j - mean) weight_j / std with std held constant. */
        for (size_t i = 0; i < dim; i++) {
            double slope = ((i == j ? 1.0 : 0.0) - 1.0 / (double) dim) * weight[j] / row.std;
            r_x[i] += x[i] * slope * g_y[j];
        }
    }
}

void naive_rms(const float *x, const float *weight, size_t dim, double eps, double *y) {
    double squares = 0.0;
    for (size_t i = 0; i < dim; i++) {
        squares += (double) x[i] * x[i];
    }
    for (size_t i = 0; i < dim; i++) {
        y[i] = x[i] / sqrt(squares / (double) dim + eps) * weight[i];
    }
}

void naive_rms_relevance(const float *x, const float *weight, const float *g_y, size_t dim,
                         double eps, double *r_x) {
    naive_rms(x, weight, dim, eps, r_x);
    for (size_t i = 0; i < dim; i++) {
        r_x[i] *= g_y[i];
    }
}

void naive_swiglu(const float *gate, const float *value, size_t count, double *h) {
    for (size_t i = 0; i < count; i++) {
        h[i] = gate[i] / (1.0 + exp(-(double) gate[i])) * value[i];
    }
}

void naive_swiglu_relevance(const float *gate, const float *value, const float *g_h, size_t count,
                            bool cp, double *r_gate, double *r_value) {
    naive_swiglu(gate, value, count, r_value);
    for (size_t i = 0; i < count; i++) {
        double received = r_value[i] * g_h[i];
        r_gate[i] = cp ? 0.0 : received / 2.0;
        r_value[i] = received - r_gate[i];
    }
}

void naive_attention(const float *q, const float *k, const float *v, size_t stride, size_t rows,
                     size_t tokens, size_t size, double *a, double *o) {
    for (size_t r = 0; r < rows; r++) {
        double total = 0.0;
        for (size_t t = 0; t < tokens; t++) {
            double score = 0.0;
            for (size_t d = 0; d < size; d++) {
                score += (double) q[r * stride + d] * k[t * stride + d];
            }
            a[r * tokens + t] = exp(score / sqrt((double) size));
            total += a[r * tokens + t];
        }
        for (size_t d = 0; d < size; d++) {
            o[r * size + d] = 0.0;
        }
        for (size_t t = 0; t < tokens; t++) {
            a[r * tokens + t] /= total;
            for (size_t d = 0; d < size; d++) {
                o[r * size + d] += a[r * tokens + t] * v[t * stride + d];
            }
        }
    }
}

/* The relevance of one score s_t of a softmax row: R_s = s (R_a - a sum of R_a), AttnLRP's Taylor
 * rule. */
static void softmax_row_relevance(const double *scores, const double *a, size_t tokens,
                                  double *relevance) {
    double sum = 0.0;
    for (size_t t = 0; t < tokens; t++) {
        sum += relevance[t];
    }
    for (size_t t = 0; t < tokens; t++) {
        relevance[t] = scores[t] * (relevance[t] - a[t] * sum);
    }
}

void naive_attention_relevance(const float *q, const float *k, const float *v, size_t stride,
                               size_t rows, size_t tokens, size_t size, const float *g_o, bool cp,
                               double *r_q, double *r_k, double *r_v) {
    double *a = calloc(rows * tokens, sizeof *a);
    double *o = calloc(rows * size, sizeof *o);
    double *relevance = calloc(tokens, sizeof *relevance);
    double *scores = calloc(tokens, sizeof *scores);
    naive_attention(q, k, v, stride, rows, tokens, size, a, o);
    for (size_t i = 0; i < tokens * size; i++) {
        r_k[i] = 0.0;
        r_v[i] = 0.0;
    }
    for (size_t r = 0; r < rows; r++) {
        for (size_t d = 0; d < size; d++) {
            r_q[r * size + d] = 0.0;
        }
        for (size_t t = 0; t < tokens; t++) {
            relevance[t] = 0.0;
            scores[t] = 0.0;
            for (size_t d = 0; d < size; d++) {
                double part = a[r * tokens + t] * v[t * stride + d] * g_o[r * size + d];
                r_v[t * size + d] += cp ? part : part / 2.0;
                relevance[t] += part / 2.0;
                scores[t] += (double) q[r * stride + d] * k[t * stride + d] / sqrt((double) size);
            }
        }
        softmax_row_relevance(scores, a + r * tokens, tokens, relevance);
        for (size_t t = 0; t < tokens && !cp; t++) {
            for (size_t d = 0; d < size; d++) {
                double share = (double) q[r * stride + d] * k[t * stride + d] /
                               sqrt((double) size) / scores[t] * relevance[t] / 2.0;
                r_q[r * size + d] += share;
                r_k[t * size + d] += share;
            }
        }
    }
    free(a);
    free(o);
    free(relevance);
    free(scores);
}

void naive_attention_gradient(const float *q, const float *k, const float *v, size_t stride,
                              size_t rows, size_t tokens, size_t size, const float *g_o,
                              double *g_q, double *g_k, double *g_v) {
    double *a = calloc(rows * tokens, sizeof *a);
    double *o = calloc(rows * size, sizeof *o);
    naive_attention(q, k, v, stride, rows, tokens, size, a, o);
    memset(g_q, 0, rows * size * sizeof *g_q);
    memset(g_k, 0, tokens * size * sizeof *g_k);
    memset(g_v, 0, tokens * size * sizeof *g_v);
    for (size_t r = 0; r < rows; r++) {
        for (size_t t = 0; t < tokens; t++) {
            /* d o_d / d score_t = a_t (v_td - o_d) */
            double g_score = 0.0;
            double weight = a[r * tokens + t];
            for (size_t d = 0; d < size; d++) {
                g_score += g_o[r * size + d] * weight * (v[t * stride + d] - o[r * size + d]);
                g_v[t * size + d] += weight * g_o[r * size + d];
            }
            for (size_t d = 0; d < size; d++) {
                g_q[r * size + d] += g_score * k[t * stride + d] / sqrt((double) size);
                g_k[t * size + d] += g_score * q[r * stride + d] / sqrt((double) size);
            }
        }
    }
    free(a);
    free(o);
}
