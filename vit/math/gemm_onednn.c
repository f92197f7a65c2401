/* oneDNN as a single-threaded kernel. It compiles code for the processor and the shape at hand.
 * Products with weights go through its matmul primitive, compiled once per thread and shape and
 * writing dense tiles, which is where its fastest kernels are; all others through dnnl_sgemm. */
#include <dnnl.h>
#include <string.h>

#include "base/checked.h"
#include "base/mem.h"
#include "base/signals.h"
#include "vit/math/bf16.h"
#include "vit/math/gemm_backends.h"
#include "vit/math/gemm_onednn_version.h"
#include "vit/math/gemm_weights.h"

/* Address space that must be there before oneDNN compiles: where it finds none it throws an
 * exception that no C program can catch. A product takes below 1 MiB of it, the kernels behind
 * dnnl_sgemm 3. */
#define COMPILE_RESERVE ((size_t) 32 << 20)

/* Where other threads allocate meanwhile, malloc takes 128 MiB for an arena of a thread, gives half
 * of it back, and tries again with each allocation where that was too much. */
#define COMPILE_RESERVE_IN_THREADS (COMPILE_RESERVE + ((size_t) 128 << 20))

static void multiply(const struct gemm_product *product) {
    dnnl_status_t status = dnnl_sgemm(
        product->transpose_a ? 'T' : 'N', product->transpose_b ? 'T' : 'N', (dnnl_dim_t) product->m,
        (dnnl_dim_t) product->n, (dnnl_dim_t) product->k, product->alpha, product->a,
        (dnnl_dim_t) product->a_stride, product->b, (dnnl_dim_t) product->b_stride, product->beta,
        product->c, (dnnl_dim_t) product->c_stride);
    /* It may lack memory for a packed copy. OpenBLAS has its buffers already, and a refused product
     * has written nothing. */
    if (status != dnnl_success) {
        gemm_openblas()->multiply(product);
    }
}

static void prepare(size_t threads) {
    gemm_openblas()->prepare(threads);
}

/* The first product compiles; later threads find the code. */
static void thread_start(void) {
    gemm_openblas()->thread_start();
    gemm_warm_up(multiply);
}

/* Debian's oneDNN runs on OpenMP too and obeys the same per-thread setting. Signals have to wait:
 * the kernels behind dnnl_sgemm (jit_avx512_common_gemm_f32.cpp and its neighbours) point the stack
 * pointer at the beginning of a buffer on the heap, and a handler's frame would be written over
 * what lies before it. */
static void enter(struct gemm_entry *saved) {
    gemm_openblas()->enter(saved);
    signals_hold(&saved->signals);
}

static void leave(const struct gemm_entry *saved) {
    signals_release(&saved->signals);
    gemm_openblas()->leave(saved);
}

/* ---- Formats ---- */

static dnnl_data_type_t type_a(enum gemm_format format) {
    return format == GEMM_FP32 ? dnnl_f32 : format == GEMM_BF16 ? dnnl_bf16 : dnnl_u8;
}

static dnnl_data_type_t type_b(enum gemm_format format) {
    return format == GEMM_FP32 ? dnnl_f32 : format == GEMM_BF16 ? dnnl_bf16 : dnnl_s8;
}

static dnnl_data_type_t type_c(enum gemm_format format) {
    return format == GEMM_INT8 ? dnnl_s32 : dnnl_f32;
}

/* Products of bfloat16 go through the processor's own unit where there is one (vit/math/bf16.h): it
 * reads rows and weights as they lie, and takes a tile of few rows as fast as one of many. Not
 * through one that the environment keeps oneDNN from. */
static enum bf16_unit unit(void) {
    dnnl_cpu_isa_t isa = dnnl_get_effective_cpu_isa();
    if (bf16_ready(BF16_MATRIX) &&
        (isa & dnnl_cpu_isa_avx512_core_amx) == dnnl_cpu_isa_avx512_core_amx) {
        return BF16_MATRIX;
    }
    bool has_vectors = bf16_ready(BF16_VECTOR) &&
                       (isa & dnnl_cpu_isa_avx512_core_bf16) == dnnl_cpu_isa_avx512_core_bf16;
    return has_vectors ? BF16_VECTOR : BF16_NONE;
}

static bool is_for_unit(enum gemm_format format) {
    return (format == GEMM_BF16 && unit() != BF16_NONE) ||
           (format == GEMM_BF16X3 && unit() == BF16_MATRIX);
}

static size_t pieces_of(enum gemm_format format) {
    return format == GEMM_BF16X3 ? 2 : 1;
}

static bool finishes(enum gemm_format format) {
    return format == GEMM_BF16 && unit() == BF16_VECTOR;
}

static bool takes_floats(enum gemm_format format) {
    return format == GEMM_FP32 || is_for_unit(format);
}

static size_t depth(enum gemm_format format, size_t k) {
    return is_for_unit(format) ? bf16_depth(k) : k;
}

/* Without these instructions oneDNN still computes, but slower than in float32; and without VNNI it
 * adds products of bytes in 16 bits, which saturate. */
static bool supports(enum gemm_format format) {
#if defined(__x86_64__)
    if (format == GEMM_BF16X3) {
        return unit() == BF16_MATRIX;
    }
    if (format == GEMM_BF16) {
        return __builtin_cpu_supports("avx512bf16");
    }
    if (format == GEMM_INT8) {
        return __builtin_cpu_supports("avx512vnni");
    }
    return __builtin_cpu_supports("avx512f");
#else
    return false;
#endif
}

/* ---- Compiled products ---- */

/* Shapes that a thread keeps compiled: every layer, both directions, and some numbers of rows. */
#define MOST_PRODUCTS 64

struct product_key {
    enum gemm_format format;
    bool packed, transposed;
    size_t rows, n, k, a_stride, b_stride;
};

struct product {
    struct product_key key;
    dnnl_primitive_t primitive;
    dnnl_memory_t a, b, c, scratch; /* b: NULL where a pack has its own */
    size_t scratch_bytes;
};

struct gemm_context {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    struct product products[MOST_PRODUCTS];
    size_t count, oldest;
    void *scratch; /* as much as the greediest product wants */
    size_t scratch_bytes;
};

/* A part of a pack, for oneDNN or for the unit. */
struct packed_part {
    struct onednn_layout layout;
    dnnl_memory_t memory;
    const uint16_t *numbers;
};

static void product_close(struct product *product) {
    dnnl_primitive_destroy(product->primitive);
    dnnl_memory_destroy(product->a);
    dnnl_memory_destroy(product->b);
    dnnl_memory_destroy(product->c);
    dnnl_memory_destroy(product->scratch);
    *product = (struct product){0};
}

static void context_close(struct gemm_context *context) {
    if (context == NULL) {
        return;
    }
    for (size_t i = 0; i < context->count; i++) {
        product_close(&context->products[i]);
    }
    dnnl_stream_destroy(context->stream);
    dnnl_engine_destroy(context->engine);
    mem_free(context->scratch);
    mem_free(context);
}

static enum vitlrp_status context_open(struct gemm_context **out, struct vitlrp_error *err) {
    struct gemm_context *context = mem_calloc(1, sizeof *context);
    if (context == NULL || dnnl_engine_create(&context->engine, dnnl_cpu, 0) != dnnl_success ||
        dnnl_stream_create(&context->stream, context->engine, dnnl_stream_default_flags) !=
            dnnl_success) {
        context_close(context);
        return fail(err, VITLRP_NOMEM, "out of memory for oneDNN");
    }
    *out = context;
    return VITLRP_OK;
}

/* Scratch is one block for all products of a thread, since they run one after another. */
static bool reserve_scratch(struct gemm_context *context, size_t bytes) {
    if (bytes <= context->scratch_bytes) {
        return true;
    }
    void *larger = mem_alloc_aligned(bytes, 1);
    if (larger == NULL) {
        return false;
    }
    mem_free(context->scratch);
    context->scratch = larger;
    context->scratch_bytes = bytes;
    return true;
}

/* Memories without data: those of every run are put in then. */
static bool open_memories(struct gemm_context *context, const struct onednn_layout *a,
                          const struct onednn_layout *b, const struct onednn_layout *c,
                          struct product *product) {
    dnnl_engine_t engine = context->engine;
    return onednn_memory_open(&product->a, a, engine, DNNL_MEMORY_NONE) &&
           onednn_memory_open(&product->c, c, engine, DNNL_MEMORY_NONE) &&
           (product->key.packed || onednn_memory_open(&product->b, b, engine, DNNL_MEMORY_NONE)) &&
           (product->scratch_bytes == 0 ||
            (reserve_scratch(context, product->scratch_bytes) &&
             onednn_scratch_open(&product->scratch, engine, product->scratch_bytes,
                                 DNNL_MEMORY_NONE)));
}

static bool product_open(struct gemm_context *context, const struct product_key *key,
                         const struct packed_part *part, struct product *out) {
    struct onednn_layout a = {0};
    struct onednn_layout b = {0};
    struct onednn_layout c = {0};
    struct product product = {.key = *key};
    bool made =
        onednn_layout_strided(&a, type_a(key->format), key->rows, key->k, key->a_stride, 1) &&
        onednn_layout_strided(&c, type_c(key->format), key->rows, key->n, key->n, 1) &&
        (part != NULL || onednn_layout_strided(&b, type_b(key->format), key->k, key->n,
                                               key->transposed ? 1 : key->b_stride,
                                               key->transposed ? key->b_stride : 1)) &&
        onednn_product_open(&product.primitive, &product.scratch_bytes, context->engine, &a,
                            part != NULL ? &part->layout : &b, &c) &&
        open_memories(context, &a, &b, &c, &product);
    onednn_layout_free(&a);
    onednn_layout_free(&b);
    onednn_layout_free(&c);
    if (!made) {
        product_close(&product);
        return false;
    }
    *out = product;
    return true;
}

static bool same_key(const struct product_key *a, const struct product_key *b) {
    return a->rows == b->rows && a->n == b->n && a->k == b->k && a->a_stride == b->a_stride &&
           a->b_stride == b->b_stride && a->format == b->format && a->packed == b->packed &&
           a->transposed == b->transposed;
}

/* The compiled product of that shape; the oldest one makes room where there is none. */
static const struct product *product_find(struct gemm_context *context,
                                          const struct product_key *key,
                                          const struct packed_part *part) {
    struct product opened;
    for (size_t i = 0; i < context->count; i++) {
        if (same_key(&context->products[i].key, key)) {
            return &context->products[i];
        }
    }
    if (mem_addresses_left() < COMPILE_RESERVE_IN_THREADS ||
        !product_open(context, key, part, &opened)) {
        return NULL;
    }
    struct product *place = &context->products[context->count];
    if (context->count < MOST_PRODUCTS) {
        context->count++;
    } else {
        place = &context->products[context->oldest];
        context->oldest = (context->oldest + 1) % MOST_PRODUCTS;
        product_close(place);
    }
    *place = opened;
    return place;
}

static bool run_product(struct gemm_context *context, const struct product *product, const void *a,
                        dnnl_memory_t b, void *c) {
    const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_SRC, product->a},
                                         {DNNL_ARG_WEIGHTS, b},
                                         {DNNL_ARG_DST, product->c},
                                         {DNNL_ARG_SCRATCHPAD, product->scratch}};
    return dnnl_memory_set_data_handle(product->a, (void *) a) == dnnl_success &&
           dnnl_memory_set_data_handle(product->c, c) == dnnl_success &&
           (product->scratch == NULL ||
            dnnl_memory_set_data_handle(product->scratch, context->scratch) == dnnl_success) &&
           dnnl_primitive_execute(product->primitive, context->stream,
                                  product->scratch == NULL ? 3 : 4, arguments) == dnnl_success;
}

static void multiply_by_unit(const struct gemm_tile *tile, size_t columns) {
    const struct gemm_pack *pack = tile->weights->pack;
    const struct packed_part *part = pack->parts[tile->part];
    const struct gemm_finish dense = {.out = tile->c, .out_stride = columns};
    const struct gemm_finish of = tile->finish == NULL ? dense : *tile->finish;
    bf16_multiply(&(struct bf16_product){.form = {unit(), pieces_of(pack->format)},
                                         .m = tile->rows,
                                         .n = columns,
                                         .k = pack->k,
                                         .a = tile->a,
                                         .b = part->numbers,
                                         .alpha = 1.0F,
                                         .c = of.out,
                                         .c_stride = of.out_stride,
                                         .bias = of.bias,
                                         .residual = of.residual,
                                         .residual_stride = of.residual_stride});
}

static bool multiply_tile(struct gemm_context *context, const struct gemm_tile *tile) {
    const struct gemm_weights *weights = tile->weights;
    struct gemm_parts parts = gemm_parts_of(weights->n);
    size_t first = gemm_part_begin(&parts, tile->part);
    const struct packed_part *part =
        weights->pack == NULL ? NULL : weights->pack->parts[tile->part];
    if (part != NULL && part->numbers != NULL) {
        multiply_by_unit(tile, gemm_part_begin(&parts, tile->part + 1) - first);
        return true;
    }
    struct product_key key = {.format = weights->pack == NULL ? GEMM_FP32 : weights->pack->format,
                              .packed = part != NULL,
                              .transposed = weights->transposed,
                              .rows = tile->rows,
                              .n = gemm_part_begin(&parts, tile->part + 1) - first,
                              .k = weights->k,
                              .a_stride = tile->a_stride,
                              .b_stride = weights->transposed ? weights->k : weights->n};
    const struct product *product = product_find(context, &key, part);
    if (product == NULL) {
        return false;
    }
    if (part != NULL) {
        return run_product(context, product, tile->a, part->memory, tile->c);
    }
    const float *b = weights->values + (weights->transposed ? first * weights->k : first);
    return dnnl_memory_set_data_handle(product->b, (void *) b) == dnnl_success &&
           run_product(context, product, tile->a, product->b, tile->c);
}

/* ---- Packs ---- */

static bool part_layout(struct gemm_context *context, enum gemm_format format, size_t n, size_t k,
                        struct onednn_layout *out) {
    const struct onednn_types types = {type_a(format), type_b(format), type_c(format)};
    return onednn_layout_preferred(out, context->engine, &types, n, k);
}

static size_t part_bytes(struct gemm_context *context, enum gemm_format format, size_t n,
                         size_t k) {
    struct onednn_layout layout = {0};
    if (is_for_unit(format)) {
        return bf16_packed(n, k, pieces_of(format)) * sizeof(uint16_t);
    }
    size_t bytes = part_layout(context, format, n, k, &layout) ? onednn_layout_bytes(&layout) : 0;
    onednn_layout_free(&layout);
    return bytes;
}

static void part_close(void *handle) {
    struct packed_part *part = handle;
    if (part != NULL) {
        dnnl_memory_destroy(part->memory);
        onednn_layout_free(&part->layout);
        mem_free(part);
    }
}

static bool arrange_for_unit(const struct gemm_part *given, void *bytes, struct packed_part *part) {
    const struct bf16_source source = {.x = given->from,
                                       .stride = given->transposed ? given->k : given->n,
                                       .transposed = given->transposed};
    bf16_pack(bytes, &source, given->n, given->k, pieces_of(given->format));
    part->numbers = bytes;
    return true;
}

static bool arrange(struct gemm_context *context, const struct gemm_part *given, void *bytes,
                    struct packed_part *part) {
    struct onednn_layout source = {0};
    size_t n = given->n, k = given->k;
    bool made = mem_addresses_left() >= COMPILE_RESERVE &&
                part_layout(context, given->format, n, k, &part->layout) &&
                onednn_layout_strided(&source, type_b(given->format), k, n,
                                      given->transposed ? 1 : n, given->transposed ? k : 1) &&
                onednn_memory_open(&part->memory, &part->layout, context->engine, bytes) &&
                onednn_rearrange(context->engine, context->stream, &source, given->from,
                                 &part->layout, part->memory);
    onednn_layout_free(&source);
    return made;
}

static enum vitlrp_status part_open(struct gemm_context *context, const struct gemm_part *given,
                                    void *bytes, void **handle, struct vitlrp_error *err) {
    struct packed_part *part = mem_calloc(1, sizeof *part);
    bool made = part != NULL && (is_for_unit(given->format) ? arrange_for_unit(given, bytes, part)
                                                            : arrange(context, given, bytes, part));
    if (!made) {
        part_close(part);
        return fail(err, VITLRP_NOMEM, "out of memory for arranged weights");
    }
    *handle = part;
    return VITLRP_OK;
}

/* The instructions that it compiles for: those of the processor, unless the environment allows
 * fewer, which changes last bits. Newer ones than these have a number. And who computes products of
 * bfloat16, where it is not oneDNN. */
static void describe(struct text *out) {
    static const struct {
        dnnl_cpu_isa_t isa;
        const char *name;
    } SETS[] = {{dnnl_cpu_isa_sse41, "SSE4.1"},
                {dnnl_cpu_isa_avx, "AVX"},
                {dnnl_cpu_isa_avx2, "AVX2"},
                {dnnl_cpu_isa_avx2_vnni, "AVX2-VNNI"},
                {dnnl_cpu_isa_avx512_core, "AVX512"},
                {dnnl_cpu_isa_avx512_core_vnni, "AVX512-VNNI"},
                {dnnl_cpu_isa_avx512_core_bf16, "AVX512-BF16"},
                {dnnl_cpu_isa_avx512_core_amx, "AVX512-AMX"}};
    const dnnl_version_t *version = dnnl_version();
    dnnl_cpu_isa_t isa = dnnl_get_effective_cpu_isa();
    const char *name = NULL;
    for (size_t i = 0; i < sizeof SETS / sizeof SETS[0]; i++) {
        name = SETS[i].isa == isa ? SETS[i].name : name;
    }
    text_printf(out, "oneDNN %d.%d.%d (kernels for ", version->major, version->minor,
                version->patch);
    if (name != NULL) {
        text_printf(out, "%s", name);
    } else {
        text_printf(out, "instruction set 0x%x", (unsigned) isa);
    }
    static const char *const UNITS[] = {[BF16_NONE] = ")",
                                        [BF16_VECTOR] = "; bfloat16 by own kernels)",
                                        [BF16_MATRIX] = "; bfloat16 by own kernels for AMX)"};
    text_append_string(out, UNITS[unit()]);
}

const struct gemm_backend *gemm_onednn(void) {
    static const struct gemm_packing packing = {.supports = supports,
                                                .takes_floats = takes_floats,
                                                .depth = depth,
                                                .context_open = context_open,
                                                .context_close = context_close,
                                                .unit = unit,
                                                .finishes = finishes,
                                                .part_bytes = part_bytes,
                                                .part_open = part_open,
                                                .part_close = part_close,
                                                .multiply = multiply_tile};
    static const struct gemm_backend backend = {.name = "onednn",
                                                .thread_reserve = OPENBLAS_THREAD_RESERVE,
                                                .start_reserve = COMPILE_RESERVE,
                                                .prepare = prepare,
                                                .thread_start = thread_start,
                                                .enter = enter,
                                                .leave = leave,
                                                .multiply = multiply,
                                                .packing = &packing,
                                                .describe = describe};
    return &backend;
}
