/* Operands of products of bfloat16, by AVX512-BF16. With the units themselves, these are the files
 * of the library with instructions by name: no compiler makes these of a loop. */
#include <immintrin.h>
#include <string.h>

#include "base/checked.h"
#include "vit/math/bf16_private.h"

/* Up to 16 floats of a row, the others 0. */
static __m512 load(const float *x, size_t count, bool absolute) {
    __m512 values = _mm512_maskz_loadu_ps(first_floats(count), x);
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
static void take(__m512i r[TILE_ROWS], const struct bf16_source *source, const size_t at[2],
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

void bf16_rows(uint16_t *rows, const struct bf16_source *a, size_t m, size_t k, size_t pieces) {
    size_t depth = bf16_depth(k);
    __m512i r[TILE_ROWS];
    for (size_t i = 0; i < m; i += TILE_ROWS) {
        for (size_t j = 0; j < pieces * depth; j += BF16_DEPTH) {
            const size_t at[2] = {i, j % depth};
            const size_t size[2] = {size_min(TILE_ROWS, m - i), size_min(BF16_DEPTH, k - at[1])};
            take(r, a, at, size, j / depth, false);
            store_rows(rows + i * pieces * depth + j, pieces * depth, size[0], r);
        }
    }
}

void bf16_pack(uint16_t *packed, const struct bf16_source *b, size_t n, size_t k, size_t pieces) {
    size_t panels = (n + BF16_COLUMNS - 1) / BF16_COLUMNS;
    size_t steps = bf16_depth(k) / BF16_DEPTH;
    __m512i r[TILE_ROWS];
    for (size_t i = 0; i < panels * steps * 2 * pieces; i++, packed += TILE) {
        size_t half = i % (2 * pieces);
        size_t step = i / (2 * pieces);
        const size_t at[2] = {step / steps * BF16_COLUMNS + half % 2 * TILE_FLOATS,
                              step % steps * BF16_DEPTH};
        if (at[0] >= n) {
            memset(packed, 0, TILE * sizeof *packed);
            continue;
        }
        const size_t size[2] = {size_min(TILE_FLOATS, n - at[0]), size_min(BF16_DEPTH, k - at[1])};
        take(r, b, at, size, half / 2, true);
        store_rows(packed, TILE_ENTRIES, TILE_ROWS, r);
    }
}
