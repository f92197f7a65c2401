/* Gammas and epsilon from a settings file and from the command line, which goes before it. */
#ifndef CLI_RULE_CHANGES_H
#define CLI_RULE_CHANGES_H

#include "args.h"
#include "base/status.h"
#include "vitlrp_eval.h"

/* NAN for what neither the file of --settings nor an option says. */
enum vitlrp_status rule_changes_read(const struct args *args, struct vitlrp_rule_changes *changes,
                                     struct vitlrp_error *err);

/* The file of --settings over *rules; they stay as they are without one. The file is one that
 * `vitlrp tune` wrote, or an object like it: "format", and any of the gammas and epsilon. */
enum vitlrp_status rule_settings_apply(const struct args *args, struct vitlrp_rules *rules,
                                       struct vitlrp_error *err);

#endif
