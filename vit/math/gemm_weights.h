/* Products with a layer's weights, tile by tile: the second half of the seam. A tile is some rows
 * of the output by one part of its columns, dense in the calling thread's scratch, so that whatever
 * follows the product finds it in cache. How outputs are cut follows from their shape alone: the
 * same bits for any number of threads. */
#ifndef VIT_GEMM_WEIGHTS_H
#define VIT_GEMM_WEIGHTS_H

#include "vit/math/bf16.h"
#include "vit/math/gemm.h"

/* Elements of both operands. INT8 is for |x| and |W| alone: bytes from 0 to 255 times bytes from 0
 * to 127 give int32. BF16X3 has floats as the sums of two bfloat16, and adds three products. */
enum gemm_format { GEMM_FP32, GEMM_BF16, GEMM_INT8, GEMM_BF16X3, GEMM_FORMATS };

/* Most rows and columns of a tile: with its operands it stays in a second-level cache of 1 MB. */
#define GEMM_TILE_ROWS ((size_t) 448)
#define GEMM_TILE_COLUMNS ((size_t) 192)
#define GEMM_TILE_FLOATS (GEMM_TILE_ROWS * GEMM_TILE_COLUMNS)

/* The columns of B, cut into parts at multiples of 64, the width that oneDNN arranges at once. */
struct gemm_parts {
    size_t columns, count;
};

struct gemm_parts gemm_parts_of(size_t columns);

/* Where part `index` begins; part `count` is the end. */
size_t gemm_part_begin(const struct gemm_parts *parts, size_t index);

/* A whole output [rows, columns] in tiles, numbered so that those of one part of the columns follow
 * each other. */
struct gemm_grid {
    struct gemm_parts parts;
    size_t rows, row_blocks;
};

struct gemm_grid gemm_grid_of(size_t rows, size_t columns);
size_t gemm_grid_tiles(const struct gemm_grid *grid);

struct gemm_place {
    size_t part;
    size_t row, rows;       /* first, and how many */
    size_t column, columns; /* first, and how many */
};

struct gemm_place gemm_grid_place(const struct gemm_grid *grid, size_t tile);

/* Weights as the second operand B [k, n] of products, all parts of their columns arranged as a
 * backend likes them best, in a block that its owner keeps. Immutable. */
struct gemm_pack {
    const struct gemm_packing *packing;
    enum gemm_format format;
    size_t n, k;
    size_t depth;  /* entries of a row of the other operand in one piece: k, padded with zeros */
    void **parts;  /* [parts]: the backend's handles */
    float *scales; /* INT8: [n], the value of 1 in each column; else NULL */
    size_t part_count;
};

/* B [k, n] as a layer stores it: [n, k] if transposed, else [k, n]; dense. */
struct gemm_weights {
    size_t n, k;
    const float *values;
    bool transposed;
    const struct gemm_pack *pack; /* of the same matrix, or NULL: values are read */
};

/* Where a product goes, and what is added to it on the way: out = product + bias + residual. */
struct gemm_finish {
    float *out;
    size_t out_stride;
    const float *bias;     /* of every column; NULL: none */
    const float *residual; /* NULL: none */
    size_t residual_stride;
};

/* c [rows, columns of the part], dense = a [rows, k] B. */
struct gemm_tile {
    const struct gemm_weights *weights;
    size_t rows;
    const void *a; /* in the pack's format (INT8: uint8_t; BF16X3: two pieces of a row, one after
                      the other), float without a pack */
    size_t a_stride;
    size_t part;
    void *c; /* float; INT8: int32_t */
    const struct gemm_finish
        *finish; /* in the place of c, where gemm_packing.finishes; else NULL */
};

/* A part of B, given densely, in the format's elements or as floats (takes_floats): [n, k] if
 * transposed, else [k, n]. */
struct gemm_part {
    enum gemm_format format;
    size_t n, k;
    const void *from;
    bool transposed;
};

/* What a backend with arrangements of its own has to offer. */
struct gemm_packing {
    /* False where this processor has no fast instructions for the format. */
    bool (*supports)(enum gemm_format format);

    /* Which unit of the processor's makes products of bfloat16; NONE: the backend does. */
    enum bf16_unit (*unit)(void);

    /* True where products take gemm_tile.finish: nobody has to go over them once more. */
    bool (*finishes)(enum gemm_format format);

    /* True where parts are given as floats; depth: gemm_pack.depth. */
    bool (*takes_floats)(enum gemm_format format);
    size_t (*depth)(enum gemm_format format, size_t k);

    /* Per thread: compiled products and scratch. NOMEM. */
    enum vitlrp_status (*context_open)(struct gemm_context **out, struct vitlrp_error *err);
    void (*context_close)(struct gemm_context *context); /* NULL is ignored */

    /* Bytes that a part [k, n] takes in a pack's block; 0: not supported. */
    size_t (*part_bytes)(struct gemm_context *context, enum gemm_format format, size_t n, size_t k);

    /* Arranges a part of B into `bytes`. *handle is released by part_close. */
    enum vitlrp_status (*part_open)(struct gemm_context *context, const struct gemm_part *part,
                                    void *bytes, void **handle, struct vitlrp_error *err);
    void (*part_close)(void *handle); /* NULL is ignored */

    /* False if there was no memory for compiling the product, which its first run needs. */
    bool (*multiply)(struct gemm_context *context, const struct gemm_tile *tile);
};

/* Whether a tile of these weights' product is finished by the backend, rather than dense. */
bool gemm_tile_finishes(const struct gemm_backend *backend, const struct gemm_weights *weights);

/* Computes the tile. context may be NULL for weights without a pack. False as above. */
bool gemm_tile_multiply(const struct gemm_backend *backend, struct gemm_context *context,
                        const struct gemm_tile *tile);

/* How weights (without a pack) are to be arranged; absolute: |W|. */
struct gemm_pack_request {
    const struct gemm_backend *backend;
    const struct gemm_weights *weights;
    enum gemm_format format;
    bool absolute;
};

/* Bytes of the block that takes a pack's elements. UNSUPPORTED if the backend does not do that. */
enum vitlrp_status gemm_pack_bytes(const struct gemm_pack_request *request,
                                   struct gemm_context *context, size_t *bytes,
                                   struct vitlrp_error *err);

/* Arranges weights into a block of gemm_pack_bytes, aligned to MEM_ALIGNMENT, that stays the
 * caller's and must outlive the pack. *out is owned: gemm_pack_close. Uses no pool: callers run
 * several at once. */
enum vitlrp_status gemm_pack_open(const struct gemm_pack_request *request,
                                  struct gemm_context *context, void *block, struct gemm_pack **out,
                                  struct vitlrp_error *err);
void gemm_pack_close(struct gemm_pack *pack); /* NULL is ignored */

#endif
