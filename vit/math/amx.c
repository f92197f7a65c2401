/* The one file of the library with instructions by name: no compiler makes these of a loop. */
#define _GNU_SOURCE
#include "vit/math/amx.h"

#include <string.h>

#include "base/checked.h"

size_t amx_depth(size_t k) {
    return (k + AMX_DEPTH - 1) / AMX_DEPTH * AMX_DEPTH;
}

size_t amx_packed(size_t n, size_t k, size_t pieces) {
    return (n + AMX_COLUMNS - 1) / AMX_COLUMNS * AMX_COLUMNS * amx_depth(k) * pieces;
}

#ifdef VIT_HAVE_AMX
#include <cpuid.h>
#include <immintrin.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Rows of a register, entries of a row in bfloat16 and in float. */
enum { TILE_ROWS = 16, TILE_ENTRIES = 32, TILE_FLOATS = 16, TILE_BYTES = 64 };

/* Numbers of a register. */
enum { TILE = TILE_ROWS * TILE_ENTRIES };

/* ---- Whether it is there ---- */

#define ARCH_REQ_XCOMP_PERM 0x1023
#define XFEATURE_XTILEDATA 18

static bool is_ready;

static void look(void) {
    unsigned a, b, c, d;
    unsigned unit = 1U << 22 | 1U << 24; /* AMX-BF16, AMX-TILE */
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0 || (d & unit) != unit ||
        !__builtin_cpu_supports("avx512bf16") || !__builtin_cpu_supports("avx512bw")) {
        return;
    }
    is_ready = syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
}

bool amx_ready(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, look);
    return is_ready;
}

/* ---- Operands ---- */

/* Up to 16 floats of a row, the others 0. */
static __m512 load(const float *x, size_t count, bool absolute) {
    __mmask16 mask = (__mmask16) (count >= TILE_FLOATS ? 0xFFFFU : (1U << count) - 1U);
    __m512 values = _mm512_maskz_loadu_ps(mask, x);
    return absolute ? _mm512_abs_ps(values) : values;
}

/* What is left of x when its bfloat16 is taken away: exact. */
static __m512 rest_of(__m512 x) {
    __m256i narrow = (__m256i) _mm512_cvtneps_pbh(x);
    __m512i wide = _mm512_slli_epi32(_mm512_cvtepu16_epi32(narrow), 16);
    return _mm512_sub_ps(x, _mm512_castsi512_ps(wide));
}

/* 32 floats of a row, in its piece. */
static __m512i narrow_row(const float *x, size_t count, bool absolute, size_t piece) {
    __m512 low = load(x, count, absolute);
    __m512 high = count > TILE_FLOATS ? load(x + TILE_FLOATS, count - TILE_FLOATS, absolute)
                                      : _mm512_setzero_ps();
    for (size_t i = 0; i < piece; i++) {
        low = rest_of(low);
        high = rest_of(high);
    }
    return (__m512i) _mm512_cvtne2ps_pbh(high, low);
}

/* Pairs of two rows' floats, in their piece: 16 of 32 bits. */
static __m512i narrow_pairs(const float *x, const float *next, size_t count, bool absolute,
                            size_t piece) {
    __m512 even = load(x, count, absolute);
    __m512 odd = next == NULL ? _mm512_setzero_ps() : load(next, count, absolute);
    for (size_t i = 0; i < piece; i++) {
        even = rest_of(even);
        odd = rest_of(odd);
    }
    __m512i low = _mm512_cvtepu16_epi32((__m256i) _mm512_cvtneps_pbh(even));
    __m512i high = _mm512_cvtepu16_epi32((__m256i) _mm512_cvtneps_pbh(odd));
    return _mm512_or_si512(low, _mm512_slli_epi32(high, 16));
}

/* The transpose of 16 x 16 numbers of 32 bits. */
static void transpose(__m512i r[TILE_ROWS]) {
    __m512i t[TILE_ROWS];
    for (size_t i = 0; i < TILE_ROWS; i += 2) {
        t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
    }
    for (size_t i = 0; i < TILE_ROWS; i += 4) {
        r[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
        r[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
        r[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
        r[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
    }
    for (size_t i = 0; i < 4; i++) {
        t[i] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0x88);
        t[i + 4] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0xDD);
        t[i + 8] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0x88);
        t[i + 12] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0xDD);
    }
    for (size_t i = 0; i < 8; i++) {
        r[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88);
        r[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xDD);
    }
}

/* A corner of a matrix: `rows` stored rows, `count` floats of each. */
struct corner {
    const float *x;
    size_t stride, rows, count;
    bool absolute;
    size_t piece;
};

/* A register's numbers from floats whose stored rows are its own: 16 rows of 32 entries. */
static void take_rows(__m512i r[TILE_ROWS], const struct corner *of) {
    for (size_t i = 0; i < TILE_ROWS; i++) {
        r[i] = i < of->rows ? narrow_row(of->x + i * of->stride, of->count, of->absolute, of->piece)
                            : _mm512_setzero_si512();
    }
}

/* ... from floats whose stored rows go along its entries: 16 rows of pairs. */
static void take_pairs(__m512i r[TILE_ROWS], const struct corner *of) {
    for (size_t i = 0; i < TILE_ROWS; i++) {
        const float *even = of->x + 2 * i * of->stride;
        const float *odd = 2 * i + 1 < of->rows ? even + of->stride : NULL;
        r[i] = 2 * i < of->rows ? narrow_pairs(even, odd, of->count, of->absolute, of->piece)
                                : _mm512_setzero_si512();
    }
}

static void store_rows(uint16_t *to, size_t stride, size_t rows, const __m512i r[TILE_ROWS]) {
    for (size_t i = 0; i < rows; i++) {
        _mm512_storeu_si512(to + i * stride, r[i]);
    }
}

/* 16 numbers across by 32 along the sums, from (across, along) on; as rows of A, or as B has them.
 */
static void take(__m512i r[TILE_ROWS], const struct amx_source *source, const size_t at[2],
                 const size_t size[2], size_t piece, bool is_b) {
    bool across_is_rows = source->transposed == is_b;
    struct corner corner = {.stride = source->stride, .absolute = source->absolute, .piece = piece};
    if (across_is_rows) {
        corner.x = source->x + at[0] * source->stride + at[1];
        corner.rows = size[0];
        corner.count = size[1];
        take_rows(r, &corner);
    } else {
        corner.x = source->x + at[1] * source->stride + at[0];
        corner.rows = size[1];
        corner.count = size[0];
        take_pairs(r, &corner);
    }
    if (across_is_rows == is_b) {
        transpose(r);
    }
}

void amx_rows(uint16_t *rows, const struct amx_source *a, size_t m, size_t k, size_t pieces) {
    size_t depth = amx_depth(k);
    __m512i r[TILE_ROWS];
    for (size_t i = 0; i < m; i += TILE_ROWS) {
        for (size_t j = 0; j < pieces * depth; j += AMX_DEPTH) {
            const size_t at[2] = {i, j % depth};
            const size_t size[2] = {size_min(TILE_ROWS, m - i), size_min(AMX_DEPTH, k - at[1])};
            take(r, a, at, size, j / depth, false);
            store_rows(rows + i * pieces * depth + j, pieces * depth, size[0], r);
        }
    }
}

void amx_pack(uint16_t *packed, const struct amx_source *b, size_t n, size_t k, size_t pieces) {
    size_t panels = (n + AMX_COLUMNS - 1) / AMX_COLUMNS;
    size_t steps = amx_depth(k) / AMX_DEPTH;
    __m512i r[TILE_ROWS];
    for (size_t i = 0; i < panels * steps * 2 * pieces; i++, packed += TILE) {
        size_t half = i % (2 * pieces);
        size_t step = i / (2 * pieces);
        const size_t at[2] = {step / steps * AMX_COLUMNS + half % 2 * TILE_FLOATS,
                              step % steps * AMX_DEPTH};
        if (at[0] >= n) {
            memset(packed, 0, TILE * sizeof *packed);
            continue;
        }
        const size_t size[2] = {size_min(TILE_FLOATS, n - at[0]), size_min(AMX_DEPTH, k - at[1])};
        take(r, b, at, size, half / 2, true);
        store_rows(packed, TILE_ENTRIES, TILE_ROWS, r);
    }
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

enum { LINE = 64 };

static const char *ask_ahead(const char *ahead, size_t lines) {
    for (size_t i = 0; i < lines; i++, ahead += LINE) {
        _mm_prefetch(ahead, _MM_HINT_T1);
    }
    return ahead;
}

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
        a += AMX_DEPTH;
        a2 += AMX_DEPTH;
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
        a += AMX_DEPTH;
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
        a += AMX_DEPTH;
        a2 += AMX_DEPTH;
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
        a += AMX_DEPTH;
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
static void make_block(const struct amx_product *product, const struct place *place, float *c,
                       size_t bytes) {
    size_t depth = amx_depth(product->k);
    size_t a_stride = product->pieces * depth;
    bool both = place->rows > TILE_ROWS;
    const struct block block = {.a = product->a + place->row * a_stride + place->first * AMX_DEPTH,
                                .b = place->panel + place->first * product->pieces * 2 * TILE,
                                .a_bytes = a_stride * sizeof *product->a,
                                .depth = depth,
                                .steps = place->steps,
                                .ahead = place->ahead,
                                .lines = place->lines};
    begin_sums(place->first == 0, both, c, bytes);
    if (product->pieces == 1) {
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
static void finish_row(const struct amx_product *product, float *c, const float *made,
                       size_t columns) {
    for (size_t j = 0; j < columns && product->beta == 0.0F; j++) {
        c[j] = product->alpha * made[j];
    }
    for (size_t j = 0; j < columns && product->beta != 0.0F; j++) {
        c[j] = product->alpha * made[j] + product->beta * c[j];
    }
}

/* All steps at once, beside C. */
static void make_beside(const struct amx_product *product, const struct place *place, float *c,
                        size_t columns) {
    float made[AMX_COLUMNS * 2 * TILE_ROWS];
    make_block(product, place, made, AMX_COLUMNS * sizeof *made);
    for (size_t r = 0; r < place->rows; r++) {
        finish_row(product, c + r * product->c_stride, made + r * AMX_COLUMNS, columns);
    }
}

enum { BLOCK_ROWS = 2 * TILE_ROWS };

/* Rows that are left over are one block of fewer; in a single one of 16, both registers of A have
 * as many (sum_upper_pieces). */
static void configure_for(size_t rows) {
    configure(size_min(rows, TILE_ROWS), rows > TILE_ROWS ? rows - TILE_ROWS : rows);
}

/* The rows of one panel of B. */
static void make_panel(const struct amx_product *product, size_t column, size_t panel) {
    size_t steps = amx_depth(product->k) / AMX_DEPTH;
    size_t columns = size_min(AMX_COLUMNS, product->n - column);
    bool direct = columns == AMX_COLUMNS && product->alpha == 1.0F && product->beta == 0.0F;
    size_t blocks = (product->m + BLOCK_ROWS - 1) / BLOCK_ROWS;
    struct place place = {.panel = product->b + column / AMX_COLUMNS * panel};
    size_t panel_lines = panel * sizeof *product->b / LINE;
    place.lines = (panel_lines + blocks * steps - 1) / (blocks * steps);
    place.ahead = (const char *) (place.panel + panel);
    for (size_t first = 0; first < steps; first += place.steps) {
        place.first = first;
        place.steps = direct ? size_min(STEPS * product->pieces, steps - first) : steps;
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

void amx_multiply(const struct amx_product *product) {
    size_t panel = AMX_COLUMNS * amx_depth(product->k) * product->pieces;
    configure_for(BLOCK_ROWS);
    for (size_t j = 0; j < product->n; j += AMX_COLUMNS) {
        make_panel(product, j, panel);
    }
    _tile_release();
}
#else
bool amx_ready(void) {
    return false;
}

void amx_rows(uint16_t *rows, const struct amx_source *a, size_t m, size_t k, size_t pieces) {
    memset(rows, 0, m * pieces * amx_depth(k) * sizeof *rows);
    (void) a;
}

void amx_pack(uint16_t *packed, const struct amx_source *b, size_t n, size_t k, size_t pieces) {
    memset(packed, 0, amx_packed(n, k, pieces) * sizeof *packed);
    (void) b;
}

void amx_multiply(const struct amx_product *product) {
    (void) product;
}
#endif
