/* What a repeated run has shown, for people and for programs. */
#ifndef CLI_RERUN_REPORT_H
#define CLI_RERUN_REPORT_H

#include "base/status.h"
#include "base/text.h"
#include "rerun_compare.h"
#include "rerun_record.h"

/* A line with the verdict, then what differs. */
void rerun_report_append(const struct rerun_record *record,
                         const struct rerun_comparison *comparison, struct text *out);

/* The same as an object (data/FORMATS.md). *out is owned: json_decref. */
enum vitlrp_status rerun_report_json(const struct rerun_record *record,
                                     const struct rerun_comparison *comparison, json_t **out,
                                     struct vitlrp_error *err);

#endif
