/* The part of Python's pickle format that torch.save writes, read into plain values. Nothing in a
 * pickle is ever executed: the only callables known are those of a short list, and each of them is
 * a rearrangement of plain values. Whatever another callable would make is an inert object: a note
 * of who was to make it and of the attributes it was to get. There is no fallback. */
#ifndef VIT_PICKLE_H
#define VIT_PICKLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "vit/load/tensor.h"

enum pickle_kind {
    PICKLE_NONE,
    PICKLE_BOOL,
    PICKLE_INT,
    PICKLE_FLOAT,
    PICKLE_BIG_INT, /* beyond 64 bits: kept as a fact, not as a value */
    PICKLE_STRING,
    PICKLE_BYTES,
    PICKLE_TUPLE,
    PICKLE_LIST,    /* sets too */
    PICKLE_DICT,    /* OrderedDict too; items alternate between key and value */
    PICKLE_GLOBAL,  /* of the allow-list */
    PICKLE_OPAQUE,  /* any other global: a name and nothing else (pickle_name) */
    PICKLE_OBJECT,  /* made by one: inert; items are what it was given as a dictionary */
    PICKLE_STORAGE, /* type NULL: of elements that are not known, which maker names */
    PICKLE_TENSOR   /* items: storage, offset, shape, stride */
};

/* The names of the allow-list, by what they do. */
enum pickle_global {
    PICKLE_ORDERED_DICT,
    PICKLE_REBUILD_TENSOR,
    PICKLE_REBUILD_PARAMETER,
    PICKLE_REBUILD_SUBCLASS,
    PICKLE_SIZE,
    PICKLE_SET,
    PICKLE_STORAGE_TYPE
};

struct pickle_value {
    enum pickle_kind kind;
    bool visited, named; /* for walks over values that may share and contain each other */
    enum pickle_global global;
    const struct element_type *type; /* of a storage, and of the global of its kind */
    int64_t integer;                 /* of int and bool; elements of a storage */
    const char *text;                /* of string and bytes; the key of a storage. Not terminated */
    size_t length;
    struct pickle_value **items; /* of containers and tensors */
    size_t count;
    size_t capacity;
    const struct pickle_value *maker; /* of an object: the callable; see pickle_name of an opaque */
    struct pickle_value *state;       /* of an object: what BUILD gave it, or NULL */
};

struct pickle {
    struct pickle_value *root;
    struct pickle_value **storages; /* in the order of the persistent ids */
    size_t storage_count;
    size_t storage_capacity;
    struct pickle_chunk *chunks; /* the values themselves */
};

/* Reads the pickle at the beginning of `size` bytes, which must outlive it; *consumed gets its
 * length. FORMAT for anything malformed, LIMIT beyond max_opcodes. *out is the caller's to free
 * after a failure too. */
enum vitlrp_status pickle_parse(const unsigned char *bytes, size_t size, size_t max_opcodes,
                                size_t *consumed, struct pickle *out, struct vitlrp_error *err);

void pickle_free(struct pickle *pickle);

/* True if the value is that string. */
bool pickle_is_string(const struct pickle_value *value, const char *text);

/* The value of a string key in a dict, or in what an object was given as one; NULL if none. */
struct pickle_value *pickle_get(const struct pickle_value *dict, const char *key);

/* The attributes of an object as a dictionary, or NULL. */
struct pickle_value *pickle_attributes(const struct pickle_value *object);

/* The name of a global that is not on the list, or of the one that made an object, escaped and
 * shortened: "argparse.Namespace". */
#define PICKLE_NAME_TEXT 160
const char *pickle_name(char out[PICKLE_NAME_TEXT], const struct pickle_value *value);

#endif
