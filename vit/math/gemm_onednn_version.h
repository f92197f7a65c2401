/* What differs between oneDNN 2 and 3, for gemm_onednn.c: memory descriptors are plain data in one
 * and objects in the other, and operation descriptors are gone from 3. */
#ifndef VIT_GEMM_ONEDNN_VERSION_H
#define VIT_GEMM_ONEDNN_VERSION_H

#include <dnnl.h>
#include <stdbool.h>
#include <stddef.h>

/* A matrix in memory, or one whose arrangement the library shall choose. Released by
 * onednn_layout_free. */
struct onednn_layout {
    dnnl_memory_desc_t desc;
    bool set;
};

/* Element [i, j] lies at i * row_stride + j * column_stride elements. False without memory. */
bool onednn_layout_strided(struct onednn_layout *layout, dnnl_data_type_t type, size_t rows,
                           size_t columns, size_t row_stride, size_t column_stride);

/* Of the operands and the result of a product. */
struct onednn_types {
    dnnl_data_type_t a, b, c;
};

/* The arrangement that the library prefers for the second operand [k, n] of such products. False if
 * it has none or there is no memory. */
bool onednn_layout_preferred(struct onednn_layout *layout, dnnl_engine_t engine,
                             const struct onednn_types *types, size_t n, size_t k);

size_t onednn_layout_bytes(const struct onednn_layout *layout);
void onednn_layout_free(struct onednn_layout *layout);

/* handle may be DNNL_MEMORY_NONE. */
bool onednn_memory_open(dnnl_memory_t *out, const struct onednn_layout *layout,
                        dnnl_engine_t engine, void *handle);

/* c = a b, compiled; *scratch_bytes of scratch go with every run. False if it is not supported or
 * there is no memory. */
bool onednn_product_open(dnnl_primitive_t *out, size_t *scratch_bytes, dnnl_engine_t engine,
                         const struct onednn_layout *a, const struct onednn_layout *b,
                         const struct onednn_layout *c);

/* Copies from one arrangement to another. */
bool onednn_rearrange(dnnl_engine_t engine, dnnl_stream_t stream, const struct onednn_layout *from,
                      const void *source, const struct onednn_layout *to, dnnl_memory_t target);

/* A memory over bytes of scratch, any arrangement. */
bool onednn_scratch_open(dnnl_memory_t *out, dnnl_engine_t engine, size_t bytes, void *handle);

#endif
