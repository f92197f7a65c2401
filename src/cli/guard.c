#define _POSIX_C_SOURCE 200809L
#include "guard.h"

#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"

#define FIRST_OUTPUTS 16

void guard_free(struct guard *guard) {
    for (size_t i = 0; i < guard->output_count; i++) {
        mem_free(guard->outputs[i].path);
    }
    mem_free(guard->outputs);
    inodes_free(&guard->files);
    *guard = (struct guard){0};
}

static bool is_regular(const char *path, struct stat *info) {
    return strcmp(path, "-") != 0 && stat(path, info) == 0 && S_ISREG(info->st_mode);
}

static enum vitlrp_status fail_input(const char *option, const char *path,
                                     struct vitlrp_error *err) {
    return error_prefix(err, fail(err, VITLRP_USAGE, "%s would overwrite this input", option),
                        path);
}

enum vitlrp_status guard_input(struct guard *guard, const char *path, struct vitlrp_error *err) {
    struct stat info;
    bool is_new = false;
    if (!is_regular(path, &info)) {
        return VITLRP_OK;
    }
    const struct inode *known = inodes_find(&guard->files, &info);
    if (known != NULL && known->value > 0) {
        const struct guarded_output *output = &guard->outputs[known->value - 1];
        return fail_input(output->option, output->path, err);
    }
    return inodes_add(&guard->files, &info, 0, &is_new, err);
}

enum vitlrp_status guard_words(struct guard *guard, const struct args *args, const char *model_path,
                               struct vitlrp_error *err) {
    static const enum option_id OPTIONS[] = {OPTION_LABELS, OPTION_SETTINGS, OPTION_TRUTH,
                                             OPTION_BOXES};
    TRY(args->kept == NULL ? VITLRP_OK : guard_output(guard, "--json", args->kept, err));
    for (size_t i = 0; i < args->operand_count; i++) {
        TRY(guard_input(guard, args->operands[i], err));
    }
    for (size_t i = 0; i < sizeof OPTIONS / sizeof OPTIONS[0]; i++) {
        const char *path = args->value[OPTIONS[i]];
        TRY(path == NULL ? VITLRP_OK : guard_input(guard, path, err));
    }
    return model_path == NULL ? VITLRP_OK : guard_input(guard, model_path, err);
}

enum vitlrp_status guard_check(const struct guard *guard, const char *option, const char *path,
                               struct vitlrp_error *err) {
    struct stat info;
    const struct inode *known = is_regular(path, &info) ? inodes_find(&guard->files, &info) : NULL;
    return known != NULL && known->value == 0 ? fail_input(option, path, err) : VITLRP_OK;
}

static enum vitlrp_status output_keep(struct guard *guard, const char *option, const char *path,
                                      struct vitlrp_error *err) {
    char *copy = mem_strdup(path);
    if (copy != NULL && guard->output_count == guard->output_capacity) {
        size_t capacity = 2 * guard->output_capacity + FIRST_OUTPUTS;
        struct guarded_output *grown = mem_resize(guard->outputs, capacity, sizeof *grown);
        guard->outputs = grown != NULL ? grown : guard->outputs;
        guard->output_capacity = grown != NULL ? capacity : guard->output_capacity;
    }
    if (copy == NULL || guard->output_count == guard->output_capacity) {
        mem_free(copy);
        return fail(err, VITLRP_NOMEM, "out of memory for %zu names", guard->output_count);
    }
    guard->outputs[guard->output_count++] = (struct guarded_output){option, copy};
    return VITLRP_OK;
}

enum vitlrp_status guard_output(struct guard *guard, const char *option, const char *path,
                                struct vitlrp_error *err) {
    struct stat info;
    bool is_new = false;
    TRY(guard_check(guard, option, path, err));
    if (!is_regular(path, &info)) {
        return VITLRP_OK;
    }
    TRY(output_keep(guard, option, path, err));
    return inodes_add(&guard->files, &info, guard->output_count, &is_new, err);
}

static enum vitlrp_status take_input(void *guard, const char *path, struct vitlrp_error *err) {
    return guard_input(guard, path, err);
}

struct vitlrp_inputs guard_inputs(struct guard *guard) {
    bool asks = guard->output_count > 0 || guard->names_come_later;
    return (struct vitlrp_inputs){.file = asks ? take_input : NULL, .user = guard};
}
