/* vitlrp: the hidden units of a model. Conventions, objects and error handling are those of
 * vitlrp.h.
 */
#ifndef VITLRP_UNITS_H
#define VITLRP_UNITS_H

#include "vitlrp.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Room for the name of any unit, with its end. */
#define VITLRP_UNIT_NAME 40

/* The unit of a name, "4:fc1:367", whether a model has it or not. USAGE for what is no such name.
 * Any thread. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_unit_parse(const char *text, struct vitlrp_unit *unit, struct vitlrp_error *error);

/* The name of a unit, in name [VITLRP_UNIT_NAME]; empty if there is no such site. Any thread. */
VITLRP_API void vitlrp_unit_name(const struct vitlrp_unit *unit, char *name);

/* Units of that site in a block of the model: neurons of its MLP, heads, dimensions of the stream.
 * 0 if there is no such site. Any thread. */
VITLRP_API int32_t vitlrp_model_site_width(const struct vitlrp_model *model, enum vitlrp_site site);

/* Refuses a unit that the model does not have: USAGE, with the range. Any thread. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_model_check_unit(const struct vitlrp_model *model, const struct vitlrp_unit *unit,
                        struct vitlrp_error *error);

/* The exact effect of single units: logits [count, classes] of input [3, input_height, input_width]
 * (one channel for a grey model), as of vitlrp_session_forward, each time with one of the units at
 * 0 in every token and all others as they are. Of sites fc1 and head, in any order; units of one
 * block share what precedes it. Of the options, those of methods and keep_all_tokens are not read,
 * and of the observer only `cancelled`; NULL: the defaults. USAGE for a unit that the model does
 * not have or cannot be without, LIMIT beyond max_bytes, NUMERIC for an input or logits that are
 * not finite, CANCELLED. Any thread. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_unit_effects(const struct vitlrp_model *model, const struct vitlrp_session_options *options,
                    const float *input, const struct vitlrp_unit_list *units, float *logits,
                    struct vitlrp_error *error);

/* What an attribution shows of the inside of the model; the arrays are the caller's, NULL ones are
 * not filled. Relevance in a block is that of one cut through the model: blocks are in series, and
 * theirs must not be added. */
struct vitlrp_inside {
    struct vitlrp_relevance *relevance; /* as for vitlrp_session_attribute; NULL: not wanted */
    struct vitlrp_unit_values *units;   /* [unit_sites] */
    size_t unit_sites;
    struct vitlrp_block_flow *flow; /* [depth] */
    float *tokens; /* [depth + 1, tokens]: relevance of the tokens that enter block 0, and of those
                      that leave each block */
    const void *reserved[2];
};

/* An attribution as vitlrp_session_attribute, which fills what the record asks for: hidden units as
 * in section 4.3 of Achtibat et al. 2024. By attnlrp, attnlrp-eps, cp-lrp and libra; by
 * input-x-gradient the relevance of a unit is a times the gradient, the drop of what is explained
 * without it, to first order. USAGE for other methods and as there. One thread at a time. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_session_inside(struct vitlrp_session *session, const struct vitlrp_target *targets,
                      size_t target_count, const struct vitlrp_method_options *options,
                      struct vitlrp_inside *inside, struct vitlrp_error *error);

/* A forward pass as vitlrp_session_forward, which fills what units [unit_sites] have in it, bit for
 * bit as vitlrp_session_inside: activations, their tokens and means. Arrays of relevance stay as
 * they are. One thread at a time. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_session_forward_units(struct vitlrp_session *session, const float *input, float *logits,
                             struct vitlrp_unit_values *units, size_t unit_sites,
                             struct vitlrp_error *error);

/* Where each head looks: attention [depth, heads, tokens] of the last forward, from the tokens that
 * the model's head reads (CLS; of a mean, by their shares in it) to all tokens, which adds up to 1.
 * What a head looks at is not yet what it says: vitlrp_session_inside has its relevance. USAGE
 * without a forward, and unless the session was opened for a method that reads attention, as
 * "raw-attention" (vitlrp_session_options.methods). One thread at a time. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_session_attention(struct vitlrp_session *session, float *attention,
                         struct vitlrp_error *error);

/* Conditional maps: of what goes through the units of each group, and no other way, beside them
 * neither (equation 5 of Achtibat et al. 2023, "From attribution maps to human-understandable
 * explanations through Concept Relevance Propagation", here by the rules of a method). */
struct vitlrp_conditional {
    enum vitlrp_unit_seed seed;
    struct vitlrp_unit_group *groups; /* [group_count], in any order */
    size_t group_count;
    const void *reserved[2];
};

/* Conditional maps of the last forward's input, by the methods of vitlrp_session_inside. Maps of
 * groups that divide the units of a site add up to that of all of them. The pass above the units is
 * run once for all groups; targets are checked, and read for VITLRP_SEED_CLASS only. Takes memory
 * while it runs. USAGE as above and for units that the model does not have; NUMERIC if a map is not
 * finite. One thread at a time. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_session_conditional(struct vitlrp_session *session, const struct vitlrp_target *targets,
                           size_t target_count, const struct vitlrp_method_options *options,
                           const struct vitlrp_conditional *conditional,
                           struct vitlrp_error *error);

/* A model over the weights of `base`, which it holds and which may be closed before it: in each of
 * its passes, the units of `edits` [count] have other values, x -> factor * x + constant, for every
 * token. Neurons are changed after their activation or gate, heads before proj reads them. It is
 * explained, measured and recorded like any other, and vitlrp_model_configuration names the edits.
 * Their order does not matter. Relevance is that of the edited model: the rules of what reads a
 * unit see its new value, and what the constants hold is absorbed, in the ledger's line "edit".
 *
 * USAGE for a unit that `base` has not or that is named twice, for a dimension of the stream (the
 * norm behind it would change all others), for numbers that are not finite, without edits, and for
 * a model that is edited already. *model is owned: vitlrp_model_close. Any thread. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_model_with_edits(const struct vitlrp_model *base, const struct vitlrp_edit *edits,
                        size_t count, struct vitlrp_model **model, struct vitlrp_error *error);

#ifdef __cplusplus
}
#endif

#endif
