/* NumPy's .npy container (NEP 1): one little-endian array, version 1.0 to 3.0. */
#ifndef BASE_NPY_H
#define BASE_NPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/file.h"
#include "base/status.h"

#define NPY_MAX_RANK 8
#define NPY_MAX_HEADER ((size_t) 1 << 16)
#define NPY_MIN_SIZE ((size_t) 12) /* of a file; they have the size of the header */

struct npy_header {
    char kind;        /* 'f' float, 'i' int, 'u' unsigned, 'b' bool, as in NumPy's descr */
    size_t item_size; /* bytes of one element */
    bool fortran_order;
    size_t rank;
    size_t shape[NPY_MAX_RANK];
    size_t count;       /* product of shape */
    size_t data_offset; /* of the first element from the start of the file */
};

/* True if the bytes begin with the magic of an .npy file. */
bool npy_recognise(const void *bytes, size_t size);

/* What the first NPY_MIN_SIZE bytes say how many bytes the header has, themselves among them; 0 if
 * they are of no .npy file. */
size_t npy_header_size(const void *bytes, size_t size);

/* Reads the header at the beginning of `size` bytes. FORMAT for a bad header or an array that does
 * not end within total_size; UNSUPPORTED for big-endian, structured or object arrays. `bytes` may
 * end anywhere behind the header. */
enum vitlrp_status npy_parse_header(const void *bytes, size_t size, size_t total_size,
                                    struct npy_header *out, struct vitlrp_error *err);

/* True of uint8 in C order of shape (height, width), (height, width, 1) or (height, width, 3). */
bool npy_is_picture(const struct npy_header *header);

/* Reads a C-order array of the given rank, of floats of 16, 32 or 64 bits, as float32; its shape
 * goes to shape. *out is owned: mem_free. */
enum vitlrp_status npy_read_float32(const char *path, size_t limit, size_t rank, size_t *shape,
                                    float **out, struct vitlrp_error *err);

/* Likewise of whole numbers of 32 or 64 bits, as int32. MISMATCH for one that is larger. */
enum vitlrp_status npy_read_int32(const char *path, size_t limit, size_t rank, size_t *shape,
                                  int32_t **out, struct vitlrp_error *err);

/* A float32 C-order array of others. */
struct npy_view {
    const float *values;
    size_t rank;
    const size_t *shape; /* [rank] */
};

/* A C-order array of others, of any of the plain numbers. */
struct npy_array {
    char kind; /* and item_size: as in struct npy_header */
    size_t item_size;
    const void *data;
    size_t rank;
    const size_t *shape; /* [rank] */
};

/* The beginning of the file of such an array, up to its data, which are not read. *out is owned:
 * bytes_free. */
enum vitlrp_status npy_encode_header(const struct npy_array *array, struct bytes *out,
                                     struct vitlrp_error *err);

/* The file of such an array, data on a 64-byte boundary. *out is owned: bytes_free. LIMIT, NOMEM.
 */
enum vitlrp_status npy_encode(const struct npy_array *array, struct bytes *out,
                              struct vitlrp_error *err);
enum vitlrp_status npy_encode_float32(const float *data, size_t rank, const size_t *shape,
                                      struct bytes *out, struct vitlrp_error *err);

#endif
