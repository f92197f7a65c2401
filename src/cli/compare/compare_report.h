/* What a comparison says beside its figure: lines for people, a record and an array for programs.
 */
#ifndef CLI_COMPARE_REPORT_H
#define CLI_COMPARE_REPORT_H

#include <jansson.h>

#include "base/text.h"
#include "cli/model_record.h"
#include "compare_cells.h"

/* A line for each row, and one for each of its maps. */
void compare_report_append(const struct compare_cells *cells, struct text *out);

/* Which files the record names; NULL: not written. */
struct compare_files {
    const char *figure, *maps;
};

/* The comparison as an object (data/FORMATS.md). *out is owned: json_decref. */
enum vitlrp_status compare_record(const struct compare_cells *cells,
                                  const struct model_record *model,
                                  const struct compare_files *files, json_t **out,
                                  struct vitlrp_error *err);

/* All maps as one .npy array [rows, columns, height, width]: they are of one size. */
enum vitlrp_status compare_write_maps(const struct compare_cells *cells, const char *path,
                                      struct vitlrp_error *err);

#endif
