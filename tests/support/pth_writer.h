/* Writes checkpoints for tests: torch.save's zip container and safetensors, sound or damaged on
 * purpose, in memory or streamed to a file of any size. */
#ifndef TESTS_PTH_WRITER_H
#define TESTS_PTH_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/file.h"
#include "base/status.h"
#include "vit/model/model.h"

struct pth_tensor {
    char name[96];
    size_t rank;
    size_t shape[4];
    const float *data; /* NULL: pth_value of name and position */
};

#define PTH_MAX_TENSORS 256

/* A list of tensors to edit and write. */
struct pth_list {
    struct pth_tensor items[PTH_MAX_TENSORS];
    size_t count;
};

/* The tensors of a ViT of that shape, in torchvision's or timm's naming. */
void pth_torchvision(struct pth_list *list, const struct vit_config *config);
void pth_timm(struct pth_list *list, const struct vit_config *config);

/* Edits; the named tensor must be there. Shapes are given with trailing zeros. */
void pth_add(struct pth_list *list, const char *name, size_t a, size_t b, size_t c, size_t d);
void pth_remove(struct pth_list *list, const char *name);
void pth_reshape(struct pth_list *list, const char *name, size_t a, size_t b, size_t c, size_t d);
void pth_prefix(struct pth_list *list, const char *prefix);

/* The element of a tensor without data: small, deterministic, the same in every container. */
float pth_value(const char *name, size_t position);

/* What is unusual about the file; all zero for a sound one. `first` is the first tensor of the
 * list. */
struct pth_options {
    const char *wrapper;         /* key of a dictionary around the state_dict, beside 'epoch' */
    const char *second_wrapper;  /* another key there for the same number of other tensors */
    const char *global;          /* "posix\nsystem\n": a GLOBAL that the pickle asks for */
    const char *storage_type;    /* of the first; default FloatStorage */
    int64_t extra_elements;      /* announced for the storage of the first */
    int64_t offset;              /* of the first in its storage */
    int64_t stride;              /* replaces the last stride of the first if not 0 */
    bool share;                  /* every tensor names the storage of the first */
    bool at_end;                 /* the others lie at the end of the storage that they share */
    bool deflate;                /* the storages are deflated */
    bool parameters;             /* tensors wrapped by _rebuild_parameter, and a BUILD at the end */
    bool attributes;             /* tensors wrapped by _rebuild_from_type_v2 */
    uint16_t flags;              /* set in the first record's directory entry */
    uint16_t method;             /* of the first record, in both headers */
    uint32_t crc_error;          /* xor of the first record's checksum */
    bool local_disagrees;        /* the first record's local header has another name */
    bool duplicate;              /* the last record twice */
    const char *record_name;     /* of an additional record */
    size_t drop_bytes;           /* cut off at the end */
    const unsigned char *pickle; /* replaces the pickle */
    size_t pickle_size;
};

/* The file in memory. *out is owned: bytes_free. Fails the test without memory. */
void pth_make(const struct pth_list *list, const struct pth_options *options, struct bytes *out);

/* The file on disk, written without holding it. */
void pth_write(const char *path, const struct pth_list *list, const struct pth_options *options);

/* The list as safetensors of "F32", "F16" or "BF16" elements; metadata is the text of the "vitlrp"
 * entry, or NULL. */
void safetensors_make(const struct pth_list *list, const char *type, const char *metadata,
                      struct bytes *out);

/* `size` bytes as a bare deflate stream, as zip archives hold it, with a strategy of zlib's. *out
 * is owned: bytes_free. */
void deflate_bytes(const void *data, size_t size, int level, int strategy, struct bytes *out);

/* A header, and `data_size` zero bytes behind it. */
void safetensors_of_header(const char *header, size_t data_size, struct bytes *out);

/* The list as .npz, stored or deflated, the names as they are. */
void npz_make(const struct pth_list *list, bool deflated, struct bytes *out);

/* One entry of a .npz: the .npy header as text, and `data_size` zero bytes behind it. */
struct npz_entry {
    const char *name;
    const char *header; /* NULL: the data alone */
    size_t data_size;
};

/* An archive of these, stored, one behind another. */
void npz_of_entries(const struct npz_entry *entries, size_t count, struct bytes *out);

#endif
