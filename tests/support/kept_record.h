/* Records that C tests make, kept for unit/records, which compares them with data/schemas. */
#ifndef TESTS_KEPT_RECORD_H
#define TESTS_KEPT_RECORD_H

#include <stddef.h>

/* Writes the record to a file of its own in the folder that VITLRP_KEEP_RECORDS names. Does nothing
 * without that variable. Fails the test if the file cannot be written. */
void record_keep(const char *json, size_t size);

#endif
