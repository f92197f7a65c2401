/* The method that a command line asks for, with its options over its defaults. An option that the
 * method does not read is refused, not ignored. */
#ifndef CLI_METHOD_CHOICE_H
#define CLI_METHOD_CHOICE_H

#include "args.h"
#include "base/status.h"
#include "base/text.h"
#include "vitlrp.h"

/* --method, or the first of the table, and its options. USAGE names the option. */
enum vitlrp_status method_choose(const struct args *args, struct vitlrp_method_info *info,
                                 struct vitlrp_method_options *options, struct vitlrp_error *err);

/* The file of --settings over *rules, and the --gamma and --epsilon options over that. */
enum vitlrp_status method_rules(const struct args *args, struct vitlrp_rules *rules,
                                struct vitlrp_error *err);

/* "mean", "max" or "min". */
const char *method_fusion_name(enum vitlrp_head_fusion fusion);

/* The method and what it reads, in words. */
void method_append(struct text *out, const struct vitlrp_method_info *info,
                   const struct vitlrp_method_options *options);

#endif
