/* Lists of classes as text: one name a line, or "index<TAB>wnid<TAB>name". */
#ifndef API_CLASS_TABLE_H
#define API_CLASS_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct class_entry {
    int32_t index; /* the number users know the class by */
    char *wnid;    /* owned; "" if unknown */
    char *name;    /* owned; "" if unknown */
};

struct class_table {
    struct class_entry *items; /* owned: class_table_free */
    size_t count;
    bool indexed; /* the text gave indices; else they are the lines' numbers from 0 */
};

/* Appends a class; strings are copied, control bytes and bytes that are not UTF-8 escaped. */
enum vitlrp_status class_table_add(struct class_table *table, int32_t index, const char *wnid,
                                   const char *name, struct vitlrp_error *err);

/* Reads a list; the entries come sorted by index. A header line, a byte order mark, CRLF and empty
 * lines at the end are fine. FORMAT for a line without three fields and for an index that is no
 * number or occurs twice, LIMIT beyond 100,000 classes or 1,000 bytes a line. *out is the caller's
 * to free after a failure too. */
enum vitlrp_status class_table_parse(const char *text, size_t size, struct class_table *out,
                                     struct vitlrp_error *err);

/* ImageNet-1k's 1000 classes, in order. */
enum vitlrp_status class_table_imagenet(struct class_table *out, struct vitlrp_error *err);

/* The entry of that index in a table that class_table_parse made, or NULL. */
const struct class_entry *class_table_find(const struct class_table *table, int32_t index);

void class_table_free(struct class_table *table);

#endif
