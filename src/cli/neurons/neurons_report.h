/* What is said of an image's hidden units: lines for people, and a record for programs. */
#ifndef CLI_NEURONS_NEURONS_REPORT_H
#define CLI_NEURONS_NEURONS_REPORT_H

#include <jansson.h>

#include "base/text.h"
#include "neurons_result.h"

/* A line for each block, and one for each of its units. */
void neurons_report_append(const struct neurons_result *result,
                           const struct explanation *explanation, struct text *out);

/* "28.1 % through the MLP, 65.3 % past it, 1.2 % absorbed before it" */
void neurons_ways_append(const struct neurons_result *result, const struct explanation *explanation,
                         const struct neurons_block *block, struct text *out);

/* The image's units as an object (data/FORMATS.md). *out is owned: json_decref. */
enum vitlrp_status neurons_record(const struct neurons_result *result,
                                  const struct explanation *explanation, json_t **out,
                                  struct vitlrp_error *err);

#endif
