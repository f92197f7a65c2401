#include "vit/math/gemm_weights.h"

#include "base/checked.h"

#define GRAIN ((size_t) 64)

/* Enough parts for the cores of a desktop, none so narrow that reading the other operand again for
 * it costs more than a few per cent; a narrow layer is cut finer, as it has nothing else to share
 * out. */
#define MOST_PARTS ((size_t) 32)
#define PART_WIDTH ((size_t) 192)
#define NARROW_PARTS ((size_t) 4)

/* Below this, a product is bound by reading the weights, and compiling it takes longer than running
 * it for a while. */
#define FEW_ROWS ((size_t) 8)

struct gemm_parts gemm_parts_of(size_t columns) {
    size_t wide = size_min(MOST_PARTS, columns / PART_WIDTH);
    size_t narrow = size_min(NARROW_PARTS, columns / GRAIN);
    size_t fitting = (columns + GEMM_TILE_COLUMNS - 1) / GEMM_TILE_COLUMNS;
    return (struct gemm_parts){columns, size_max(size_max(wide, narrow), size_max(fitting, 1))};
}

size_t gemm_part_begin(const struct gemm_parts *parts, size_t index) {
    size_t grains = (parts->columns + GRAIN - 1) / GRAIN;
    return size_min(grains * index / parts->count * GRAIN, parts->columns);
}

struct gemm_grid gemm_grid_of(size_t rows, size_t columns) {
    return (struct gemm_grid){.parts = gemm_parts_of(columns),
                              .rows = rows,
                              .row_blocks = (rows + GEMM_TILE_ROWS - 1) / GEMM_TILE_ROWS};
}

size_t gemm_grid_tiles(const struct gemm_grid *grid) {
    return grid->parts.count * grid->row_blocks;
}

struct gemm_place gemm_grid_place(const struct gemm_grid *grid, size_t tile) {
    size_t part = tile / grid->row_blocks;
    size_t block = tile % grid->row_blocks;
    size_t row = grid->rows * block / grid->row_blocks;
    size_t column = gemm_part_begin(&grid->parts, part);
    return (struct gemm_place){.part = part,
                               .row = row,
                               .rows = grid->rows * (block + 1) / grid->row_blocks - row,
                               .column = column,
                               .columns = gemm_part_begin(&grid->parts, part + 1) - column};
}

/* The tile of plain float32 weights as an ordinary product. */
static struct gemm_product plain_product(const struct gemm_tile *tile) {
    const struct gemm_weights *weights = tile->weights;
    struct gemm_parts parts = gemm_parts_of(weights->n);
    size_t first = gemm_part_begin(&parts, tile->part);
    size_t columns = gemm_part_begin(&parts, tile->part + 1) - first;
    return (struct gemm_product){.transpose_b = weights->transposed,
                                 .m = tile->rows,
                                 .n = columns,
                                 .k = weights->k,
                                 .alpha = 1.0F,
                                 .a = tile->a,
                                 .a_stride = tile->a_stride,
                                 .b = weights->values +
                                      (weights->transposed ? first * weights->k : first),
                                 .b_stride = weights->transposed ? weights->k : weights->n,
                                 .beta = 0.0F,
                                 .c = tile->c,
                                 .c_stride = columns};
}

bool gemm_tile_finishes(const struct gemm_backend *backend, const struct gemm_weights *weights) {
    return backend->packing != NULL && weights->pack != NULL &&
           backend->packing->finishes(weights->pack->format);
}

bool gemm_tile_multiply(const struct gemm_backend *backend, struct gemm_context *context,
                        const struct gemm_tile *tile) {
    bool few = tile->rows < FEW_ROWS && tile->weights->pack == NULL;
    if (backend->packing != NULL && context != NULL && !few) {
        return backend->packing->multiply(context, tile);
    }
    struct gemm_product product = plain_product(tile);
    backend->multiply(&product);
    return true;
}
