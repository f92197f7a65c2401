/* The method that a command line asks for, its options over a file of settings over its defaults.
 * An option that the method does not read is refused, not ignored. */
#ifndef CLI_METHOD_CHOICE_H
#define CLI_METHOD_CHOICE_H

#include "args.h"
#include "base/status.h"
#include "base/text.h"
#include "vitlrp.h"
#include "vitlrp_eval.h"

/* NAN for what neither the file of --settings nor an option says. */
enum vitlrp_status rule_changes_read(const struct args *args, struct vitlrp_rule_changes *changes,
                                     struct vitlrp_error *err);

/* USAGE: a name of no method, with the one that was meant, or with all. */
enum vitlrp_status method_fail_name(const char *option, const char *name, struct vitlrp_error *err);

/* --method, or the first of the table, and its options. USAGE names the option. */
enum vitlrp_status method_choose(const struct args *args, struct vitlrp_method_info *info,
                                 struct vitlrp_method_options *options, struct vitlrp_error *err);

/* Whether a method reads an option that only some methods read; true for all other options. */
bool method_reads_option(const struct vitlrp_method_info *info, enum option_id option);

/* As method_choose, of a method among those of --methods: what it does not read is passed over. */
enum vitlrp_status method_choose_named(const struct args *args, const char *name,
                                       struct vitlrp_method_info *info,
                                       struct vitlrp_method_options *options,
                                       struct vitlrp_error *err);

/* The file of --settings over *rules, and the --gamma and --epsilon options over that. The file is
 * one that `vitlrp tune` wrote, or an object like it: "format", and any of the gammas and epsilon.
 */
enum vitlrp_status method_rules(const struct args *args, struct vitlrp_rules *rules,
                                struct vitlrp_error *err);

/* More than there are. */
#define METHODS_MAX 32

/* Methods with their options, in the order in which they were asked for. */
struct method_list {
    size_t count;
    struct vitlrp_method_info info[METHODS_MAX];
    struct vitlrp_method_options options[METHODS_MAX];
};

/* --methods of explain, or else --method alone, or the first of the table. Of several, each reads
 * what it knows; an option that none of them reads is USAGE. *list is owned: mem_free. */
enum vitlrp_status method_list_open(const struct args *args, struct method_list **list,
                                    struct vitlrp_error *err);

/* The method and what it reads, in words. */
void method_append(struct text *out, const struct vitlrp_method_info *info,
                   const struct vitlrp_method_options *options);

#endif
