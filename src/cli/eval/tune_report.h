/* What tune has found: the settings file and a report. */
#ifndef CLI_TUNE_REPORT_H
#define CLI_TUNE_REPORT_H

#include "base/json.h"
#include "base/status.h"
#include "base/text.h"
#include "cli/model_record.h"
#include "cli/settings.h"
#include "vitlrp_eval.h"

struct tune_report {
    const struct vitlrp_tune_result *result;
    struct vitlrp_rules preset; /* where the search began */
    const char *model;
    const struct model_record *record;
    const char *dataset;
    const struct vitlrp_eval_options *options;
    const struct settings *settings; /* of the command */
};

/* The settings file, which --settings takes. *out is owned: json_decref. */
enum vitlrp_status tune_settings(const struct tune_report *report, json_t **out,
                                 struct vitlrp_error *err);

/* One trial as a line: what was tried and what came of it. */
void tune_append_trial(struct text *out, const struct vitlrp_tune_trial *trial);

void tune_append_report(struct text *out, const struct tune_report *report);

#endif
