#include "vit/math/gemm_onednn_version.h"

/* Rows for which the library is asked how it wants the other operand: the answer does not depend on
 * them, as long as they are not so few that another kernel takes over. */
enum { TYPICAL_ROWS = 192 };

#if DNNL_VERSION_MAJOR >= 3
#define DESC(layout) ((layout)->desc)

static bool desc_strided(dnnl_memory_desc_t *desc, const dnnl_dims_t dims, dnnl_data_type_t type,
                         const dnnl_dims_t strides) {
    return dnnl_memory_desc_create_with_strides(desc, 2, dims, type, strides) == dnnl_success;
}

static bool desc_any(dnnl_memory_desc_t *desc, const dnnl_dims_t dims, dnnl_data_type_t type) {
    return dnnl_memory_desc_create_with_tag(desc, 2, dims, type, dnnl_format_tag_any) ==
           dnnl_success;
}

static bool desc_copy(dnnl_memory_desc_t *to, const_dnnl_memory_desc_t from) {
    return dnnl_memory_desc_clone(to, from) == dnnl_success;
}

static void desc_free(dnnl_memory_desc_t *desc) {
    dnnl_memory_desc_destroy(*desc);
}

static bool matmul_desc(dnnl_primitive_desc_t *out, dnnl_engine_t engine,
                        const struct onednn_layout *a, const struct onednn_layout *b,
                        const struct onednn_layout *c, const_dnnl_primitive_attr_t attributes) {
    return dnnl_matmul_primitive_desc_create(out, engine, a->desc, b->desc, NULL, c->desc,
                                             attributes) == dnnl_success;
}
#else
#define DESC(layout) (&(layout)->desc)

static bool desc_strided(dnnl_memory_desc_t *desc, const dnnl_dims_t dims, dnnl_data_type_t type,
                         const dnnl_dims_t strides) {
    return dnnl_memory_desc_init_by_strides(desc, 2, dims, type, strides) == dnnl_success;
}

static bool desc_any(dnnl_memory_desc_t *desc, const dnnl_dims_t dims, dnnl_data_type_t type) {
    return dnnl_memory_desc_init_by_tag(desc, 2, dims, type, dnnl_format_tag_any) == dnnl_success;
}

static bool desc_copy(dnnl_memory_desc_t *to, const dnnl_memory_desc_t *from) {
    *to = *from;
    return true;
}

static void desc_free(dnnl_memory_desc_t *desc) {
    (void) desc;
}

static bool matmul_desc(dnnl_primitive_desc_t *out, dnnl_engine_t engine,
                        const struct onednn_layout *a, const struct onednn_layout *b,
                        const struct onednn_layout *c, const_dnnl_primitive_attr_t attributes) {
    dnnl_matmul_desc_t operation;
    return dnnl_matmul_desc_init(&operation, &a->desc, &b->desc, NULL, &c->desc) == dnnl_success &&
           dnnl_primitive_desc_create(out, &operation, attributes, engine, NULL) == dnnl_success;
}
#endif

bool onednn_layout_strided(struct onednn_layout *layout, dnnl_data_type_t type, size_t rows,
                           size_t columns, size_t row_stride, size_t column_stride) {
    dnnl_dims_t dims = {(dnnl_dim_t) rows, (dnnl_dim_t) columns};
    dnnl_dims_t strides = {(dnnl_dim_t) row_stride, (dnnl_dim_t) column_stride};
    layout->set = desc_strided(&layout->desc, dims, type, strides);
    return layout->set;
}

size_t onednn_layout_bytes(const struct onednn_layout *layout) {
    return dnnl_memory_desc_get_size(DESC(layout));
}

void onednn_layout_free(struct onednn_layout *layout) {
    if (layout->set) {
        desc_free(&layout->desc);
        layout->set = false;
    }
}

bool onednn_memory_open(dnnl_memory_t *out, const struct onednn_layout *layout,
                        dnnl_engine_t engine, void *handle) {
    return dnnl_memory_create(out, DESC(layout), engine, handle) == dnnl_success;
}

/* The scratch of a run is the caller's, so that threads can share a compiled product. */
static bool product_desc(dnnl_primitive_desc_t *out, dnnl_engine_t engine,
                         const struct onednn_layout *a, const struct onednn_layout *b,
                         const struct onednn_layout *c) {
    dnnl_primitive_attr_t attributes = NULL;
    bool made = dnnl_primitive_attr_create(&attributes) == dnnl_success &&
                dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user) ==
                    dnnl_success &&
                matmul_desc(out, engine, a, b, c, attributes);
    if (attributes != NULL) {
        dnnl_primitive_attr_destroy(attributes);
    }
    return made;
}

bool onednn_product_open(dnnl_primitive_t *out, size_t *scratch_bytes, dnnl_engine_t engine,
                         const struct onednn_layout *a, const struct onednn_layout *b,
                         const struct onednn_layout *c) {
    dnnl_primitive_desc_t desc = NULL;
    if (!product_desc(&desc, engine, a, b, c)) {
        return false;
    }
    *scratch_bytes =
        dnnl_memory_desc_get_size(dnnl_primitive_desc_query_md(desc, dnnl_query_scratchpad_md, 0));
    bool made = dnnl_primitive_create(out, desc) == dnnl_success;
    dnnl_primitive_desc_destroy(desc);
    return made;
}

bool onednn_layout_preferred(struct onednn_layout *layout, dnnl_engine_t engine,
                             const struct onednn_types *types, size_t n, size_t k) {
    struct onednn_layout a = {0};
    struct onednn_layout b = {0};
    struct onednn_layout c = {0};
    dnnl_dims_t dims = {(dnnl_dim_t) k, (dnnl_dim_t) n};
    dnnl_primitive_desc_t desc = NULL;
    b.set = desc_any(&b.desc, dims, types->b);
    bool made = b.set && onednn_layout_strided(&a, types->a, TYPICAL_ROWS, k, k, 1) &&
                onednn_layout_strided(&c, types->c, TYPICAL_ROWS, n, n, 1) &&
                product_desc(&desc, engine, &a, &b, &c);
    layout->set = made && desc_copy(&layout->desc,
                                    dnnl_primitive_desc_query_md(desc, dnnl_query_weights_md, 0));
    if (desc != NULL) {
        dnnl_primitive_desc_destroy(desc);
    }
    onednn_layout_free(&a);
    onednn_layout_free(&b);
    onednn_layout_free(&c);
    return layout->set;
}

bool onednn_rearrange(dnnl_engine_t engine, dnnl_stream_t stream, const struct onednn_layout *from,
                      const void *source, const struct onednn_layout *to, dnnl_memory_t target) {
    dnnl_primitive_desc_t desc = NULL;
    dnnl_primitive_t primitive = NULL;
    dnnl_memory_t input = NULL;
    bool done = dnnl_reorder_primitive_desc_create(&desc, DESC(from), engine, DESC(to), engine,
                                                   NULL) == dnnl_success &&
                dnnl_primitive_create(&primitive, desc) == dnnl_success &&
                onednn_memory_open(&input, from, engine, (void *) source);
    if (done) {
        const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_FROM, input}, {DNNL_ARG_TO, target}};
        done = dnnl_primitive_execute(primitive, stream, 2, arguments) == dnnl_success &&
               dnnl_stream_wait(stream) == dnnl_success;
    }
    dnnl_memory_destroy(input);
    dnnl_primitive_destroy(primitive);
    dnnl_primitive_desc_destroy(desc);
    return done;
}

bool onednn_scratch_open(dnnl_memory_t *out, dnnl_engine_t engine, size_t bytes, void *handle) {
    struct onednn_layout layout = {0};
    bool made = onednn_layout_strided(&layout, dnnl_u8, 1, bytes, bytes, 1) &&
                onednn_memory_open(out, &layout, engine, handle);
    onednn_layout_free(&layout);
    return made;
}
