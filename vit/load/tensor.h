/* A tensor as a checkpoint describes it, and its elements as float32. */
#ifndef VIT_TENSOR_H
#define VIT_TENSOR_H

#include <stddef.h>
#include <stdint.h>

#include "base/file.h"
#include "base/status.h"
#include "vit/load/payload.h"

#define TENSOR_MAX_RANK ((size_t) 8)
#define TENSOR_MAX_NAME ((size_t) 512)

enum element { ELEMENT_F32, ELEMENT_F16, ELEMENT_BF16, ELEMENT_F64, ELEMENT_OTHER };

struct element_type {
    enum element element;
    size_t size;      /* bytes of one */
    const char *name; /* "F32", "I64": static text */
};

/* The type of a safetensors name, or NULL. The other containers use the same names. */
const struct element_type *element_type_named(const char *name);

struct tensor_info {
    char *name;   /* owned by the table it is in */
    size_t place; /* in its file's list (vit/load/listing.h); nobody else's */
    const struct element_type *type;
    const struct element_type *stored; /* in the file, of one that was merged since; else NULL */
    size_t rank;
    size_t shape[TENSOR_MAX_RANK];
    size_t count;                /* product of shape */
    const struct source *source; /* the file that it is in; must outlive it */
    struct extent extent;
    uint64_t skip; /* bytes of the extent before the first element */
    /* How its elements lie: as they are read (PLAIN); with axis order[0] the slowest to change, and
     * so on (PERMUTED); among others, or one for several (SCATTERED), which is not read. */
    enum tensor_order { TENSOR_PLAIN, TENSOR_PERMUTED, TENSOR_SCATTERED } lies;
    unsigned char order[TENSOR_MAX_RANK];
};

/* Sets count from the shape; FORMAT if the elements or their bytes overflow. */
enum vitlrp_status tensor_count(struct tensor_info *tensor, struct vitlrp_error *err);

/* Sets how it lies from the strides of its axes, in elements; an axis of size 1 may have any. */
void tensor_lay(struct tensor_info *tensor, const size_t strides[TENSOR_MAX_RANK]);

/* The shape as "[10, 32]". */
#define TENSOR_SHAPE_TEXT 200
void tensor_shape_text(char out[TENSOR_SHAPE_TEXT], size_t rank, const size_t *shape);

/* A name from a file for a message: "'name'", escaped and shortened. */
#define TENSOR_LABEL_TEXT 132
const char *tensor_label(char out[TENSOR_LABEL_TEXT], const char *name);

/* Puts what a failure is about in front of its message: "tensor 'name'", the name escaped and
 * shortened. */
enum vitlrp_status tensor_error_prefix(struct vitlrp_error *err, enum vitlrp_status status,
                                       const char *kind, const char *name);

/* The tensors of a checkpoint, in the file's order. Zero-initialise all but the limit. */
struct tensor_table {
    size_t limit;              /* of tensors */
    struct tensor_info *items; /* owned: tensor_table_free */
    size_t count;
    size_t capacity;
};

/* Appends a copy of *tensor under a copy of the `length` bytes at name. LIMIT beyond the table's,
 * FORMAT for a name that is empty, longer than TENSOR_MAX_NAME, not UTF-8 or has a NUL. */
enum vitlrp_status tensor_table_add(struct tensor_table *table, const struct tensor_info *tensor,
                                    const char *name, size_t length, struct vitlrp_error *err);

/* FORMAT if two tensors have the same name. */
enum vitlrp_status tensor_table_check_unique(const struct tensor_table *table,
                                             struct vitlrp_error *err);

void tensor_table_free(struct tensor_table *table);

/* Reads the elements in the order of the shape. */
struct tensor_reader {
    const struct tensor_info *tensor;
    struct payload payload;
    void *buffer;   /* owned; elements of other types on their way to float32 */
    float *whole;   /* owned; all elements of a tensor that is PERMUTED, in order */
    size_t given;   /* of these */
    bool takes_nan; /* values are not checked */
};

/* UNSUPPORTED for elements other than F32, F16, BF16 and F64, and for a tensor that is SCATTERED.
 * One that is PERMUTED is read here, and takes 4 bytes an element of memory. tensor_reader_close
 * releases it, after a failure too. */
enum vitlrp_status tensor_reader_open(const struct tensor_info *tensor, struct tensor_reader *out,
                                      struct vitlrp_error *err);

/* The next `count` elements, converted: exactly, but for F64, which is rounded. NUMERIC at NaN and
 * infinity; messages do not name the tensor. */
enum vitlrp_status tensor_reader_next(struct tensor_reader *reader, float *out, size_t count,
                                      struct vitlrp_error *err);

void tensor_reader_close(struct tensor_reader *reader);

#endif
