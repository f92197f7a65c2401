/* Products of bfloat16 by a processor's matrix unit (AMX). */
#define _GNU_SOURCE
#include <cpuid.h>
#include <immintrin.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/checked.h"
#include "vit/math/bf16_private.h"

/* ---- Whether it is there ---- */

#define ARCH_REQ_XCOMP_PERM 0x1023
#define XFEATURE_XTILEDATA 18

static bool is_ready;

static void look(void) {
    unsigned a, b, c, d;
    unsigned unit = 1U << 22 | 1U << 24; /* AMX-BF16, AMX-TILE */
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0 || (d & unit) != unit ||
        !bf16_vector_ready()) {
        return;
    }
    is_ready = syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
}

bool bf16_matrix_ready(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, look);
    return is_ready;
}

/* ---- Products ---- */

/* Registers: 0 to 3 the sums of two by two, 4 and 5 the rows of A, 6 and 7 the columns of B. */
struct shape {
    uint8_t palette, start_row;
    uint8_t reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
};

static void configure(size_t upper, size_t lower) {
    struct shape shape = {.palette = 1};
    for (size_t i = 0; i < 8; i++) {
        bool is_b = i >= 6;
        bool is_upper = i == 0 || i == 1 || i == 4;
        shape.row_bytes[i] = TILE_BYTES;
        shape.rows[i] = (uint8_t) (is_b ? TILE_ROWS : is_upper ? upper : size_max(lower, 1));
    }
    __asm__ volatile("" ::: "memory");
    _tile_loadconfig(&shape);
}

/* What a block reads: its rows of A from `a` on, a panel of B, both from step `first` on. */
struct block {
    const uint16_t *a, *b;
    size_t a_bytes; /* from row to row */
    size_t depth;   /* entries from piece to piece of a row */
    size_t steps;
    const char *ahead; /* what will be read next: a few lines of it are asked for in each step */
    size_t lines;
};

static const uint16_t *lower_rows(const struct block *block) {
    return block->a + TILE_ROWS * block->a_bytes / sizeof *block->a;
}

/* Sums of up to 32 rows of A. */
static void sum_both(const struct block *block) {
    const uint16_t *a = block->a, *a2 = lower_rows(block), *b = block->b;
    const char *ahead = block->ahead;
    for (size_t s = 0; s < block->steps; s++) {
        _tile_loadd(6, b, TILE_BYTES);
        _tile_loadd(4, a, block->a_bytes);
        _tile_loadd(7, b + TILE, TILE_BYTES);
        _tile_loadd(5, a2, block->a_bytes);
        ahead = ask_ahead(ahead, block->lines);
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
        a += BF16_DEPTH;
        a2 += BF16_DEPTH;
        b += (size_t) 2 * TILE;
    }
}

/* ... of up to 16. */
static void sum_upper(const struct block *block) {
    const uint16_t *a = block->a, *b = block->b;
    const char *ahead = block->ahead;
    for (size_t s = 0; s < block->steps; s++) {
        _tile_loadd(6, b, TILE_BYTES);
        _tile_loadd(4, a, block->a_bytes);
        _tile_loadd(7, b + TILE, TILE_BYTES);
        ahead = ask_ahead(ahead, block->lines);
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        a += BF16_DEPTH;
        b += (size_t) 2 * TILE;
    }
}

/* In two pieces: the small products first. */
static void sum_both_pieces(const struct block *block) {
    const uint16_t *a = block->a, *a2 = lower_rows(block), *b = block->b;
    const char *ahead = block->ahead;
    for (size_t s = 0; s < block->steps; s++) {
        _tile_loadd(4, a, block->a_bytes);
        _tile_loadd(5, a2, block->a_bytes);
        _tile_loadd(6, b + (size_t) 2 * TILE, TILE_BYTES);
        _tile_loadd(7, b + (size_t) 3 * TILE, TILE_BYTES);
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
        _tile_loadd(6, b, TILE_BYTES);
        _tile_loadd(7, b + TILE, TILE_BYTES);
        ahead = ask_ahead(ahead, block->lines);
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
        _tile_loadd(4, a + block->depth, block->a_bytes);
        _tile_loadd(5, a2 + block->depth, block->a_bytes);
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
        a += BF16_DEPTH;
        a2 += BF16_DEPTH;
        b += (size_t) 4 * TILE;
    }
}

/* Both pieces of the rows lie in 4 and 5 then, which have as many rows each. */
static void sum_upper_pieces(const struct block *block) {
    const uint16_t *a = block->a, *b = block->b;
    const char *ahead = block->ahead;
    for (size_t s = 0; s < block->steps; s++) {
        _tile_loadd(4, a, block->a_bytes);
        _tile_loadd(5, a + block->depth, block->a_bytes);
        _tile_loadd(6, b + (size_t) 2 * TILE, TILE_BYTES);
        _tile_loadd(7, b, TILE_BYTES);
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(0, 5, 7);
        _tile_dpbf16ps(0, 4, 7);
        _tile_loadd(6, b + (size_t) 3 * TILE, TILE_BYTES);
        _tile_loadd(7, b + TILE, TILE_BYTES);
        ahead = ask_ahead(ahead, block->lines);
        _tile_dpbf16ps(1, 4, 6);
        _tile_dpbf16ps(1, 5, 7);
        _tile_dpbf16ps(1, 4, 7);
        a += BF16_DEPTH;
        b += (size_t) 4 * TILE;
    }
}

/* Steps that are taken at once, for each piece: of one, what a panel of B has for them stays in the
 * first-level cache; of two, sums are kept and taken up again half as often (4 % faster). */
enum { STEPS = 12 };

/* A part of C: some panel's columns of some rows, from step `first` on. */
struct place {
    size_t row, rows, first, steps;
    const uint16_t *panel;
    const char *ahead;
    size_t lines;
};

static void begin_sums(bool is_first, bool both, const float *c, size_t bytes) {
    const float *lower = c + TILE_ROWS * (bytes / sizeof *c);
    if (is_first) {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
        return;
    }
    _tile_loadd(0, c, bytes);
    _tile_loadd(1, c + TILE_FLOATS, bytes);
    if (both) {
        _tile_loadd(2, lower, bytes);
        _tile_loadd(3, lower + TILE_FLOATS, bytes);
    }
}

/* Up to 32 rows by 32 columns; rows of c are `bytes` apart. */
static void make_block(const struct bf16_product *product, const struct place *place, float *c,
                       size_t bytes) {
    size_t depth = bf16_depth(product->k);
    size_t a_stride = product->form.pieces * depth;
    bool both = place->rows > TILE_ROWS;
    const struct block block = {.a = product->a + place->row * a_stride + place->first * BF16_DEPTH,
                                .b = place->panel + place->first * product->form.pieces * 2 * TILE,
                                .a_bytes = a_stride * sizeof *product->a,
                                .depth = depth,
                                .steps = place->steps,
                                .ahead = place->ahead,
                                .lines = place->lines};
    begin_sums(place->first == 0, both, c, bytes);
    if (product->form.pieces == 1) {
        (both ? sum_both : sum_upper)(&block);
    } else {
        (both ? sum_both_pieces : sum_upper_pieces)(&block);
    }
    _tile_stored(0, c, bytes);
    _tile_stored(1, c + TILE_FLOATS, bytes);
    if (both) {
        float *lower = c + TILE_ROWS * (bytes / sizeof *c);
        _tile_stored(2, lower, bytes);
        _tile_stored(3, lower + TILE_FLOATS, bytes);
    }
}

/* Part of a row of the result: what has been made, and what was there. */
static void finish_row(const struct bf16_product *product, float *c, const float *made,
                       size_t columns) {
    for (size_t j = 0; j < columns && product->beta == 0.0F; j++) {
        c[j] = product->alpha * made[j];
    }
    for (size_t j = 0; j < columns && product->beta != 0.0F; j++) {
        c[j] = product->alpha * made[j] + product->beta * c[j];
    }
}

/* All steps at once, beside C. */
static void make_beside(const struct bf16_product *product, const struct place *place, float *c,
                        size_t columns) {
    float made[BF16_COLUMNS * 2 * TILE_ROWS];
    make_block(product, place, made, BF16_COLUMNS * sizeof *made);
    for (size_t r = 0; r < place->rows; r++) {
        finish_row(product, c + r * product->c_stride, made + r * BF16_COLUMNS, columns);
    }
}

enum { BLOCK_ROWS = 2 * TILE_ROWS };

/* Rows that are left over are one block of fewer; in a single one of 16, both registers of A have
 * as many (sum_upper_pieces). */
static void configure_for(size_t rows) {
    configure(size_min(rows, TILE_ROWS), rows > TILE_ROWS ? rows - TILE_ROWS : rows);
}

/* The rows of one panel of B. */
static void make_panel(const struct bf16_product *product, size_t column, size_t panel) {
    size_t steps = bf16_depth(product->k) / BF16_DEPTH;
    size_t columns = size_min(BF16_COLUMNS, product->n - column);
    bool direct = columns == BF16_COLUMNS && product->alpha == 1.0F && product->beta == 0.0F;
    size_t blocks = (product->m + BLOCK_ROWS - 1) / BLOCK_ROWS;
    struct place place = {.panel = product->b + column / BF16_COLUMNS * panel};
    size_t panel_lines = panel * sizeof *product->b / LINE;
    place.lines = (panel_lines + blocks * steps - 1) / (blocks * steps);
    place.ahead = (const char *) (place.panel + panel);
    for (size_t first = 0; first < steps; first += place.steps) {
        place.first = first;
        place.steps = direct ? size_min(STEPS * product->form.pieces, steps - first) : steps;
        for (size_t i = 0; i < product->m; i += BLOCK_ROWS) {
            float *c = product->c + i * product->c_stride + column;
            place.row = i;
            place.rows = size_min(BLOCK_ROWS, product->m - i);
            if (place.rows < BLOCK_ROWS) {
                configure_for(place.rows);
            }
            if (direct) {
                make_block(product, &place, c, product->c_stride * sizeof *c);
            } else {
                make_beside(product, &place, c, columns);
            }
            place.ahead += place.steps * place.lines * LINE;
        }
        if (product->m % BLOCK_ROWS != 0) {
            configure_for(BLOCK_ROWS);
        }
    }
}

void bf16_matrix_multiply(const struct bf16_product *product) {
    size_t panel = BF16_COLUMNS * bf16_depth(product->k) * product->form.pieces;
    configure_for(BLOCK_ROWS);
    for (size_t j = 0; j < product->n; j += BF16_COLUMNS) {
        make_panel(product, j, panel);
    }
    _tile_release();
}
