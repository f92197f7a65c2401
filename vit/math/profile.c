#include "vit/math/profile.h"

#include "base/clock.h"

const char *profile_kind_name(enum profile_kind kind) {
    static const char *const NAMES[PROFILE_KINDS] = {
        [PROFILE_CONV] = "conv",           [PROFILE_NORM] = "norm", [PROFILE_QKV] = "qkv",
        [PROFILE_ATTENTION] = "attention", [PROFILE_PROJ] = "proj", [PROFILE_FC1] = "fc1",
        [PROFILE_GELU] = "gelu",           [PROFILE_FC2] = "fc2",   [PROFILE_HEAD] = "head",
        [PROFILE_OTHER] = "other"};
    return NAMES[kind];
}

void profile_begin(struct profile *profile, enum profile_pass pass) {
    if (profile != NULL) {
        profile->running = true;
        profile->pass = pass;
        profile->last = clock_seconds();
    }
}

void profile_end(struct profile *profile) {
    if (profile != NULL && profile->running) {
        profile_count(profile, PROFILE_OTHER, 0.0);
        profile->passes[profile->pass]++;
        profile->running = false;
    }
}

void profile_count(struct profile *profile, enum profile_kind kind, double flops) {
    if (profile->running) {
        struct profile_entry *entry = &profile->entries[profile->pass][kind];
        double now = clock_seconds();
        entry->seconds += now - profile->last;
        entry->flops += flops;
        profile->last = now;
    }
}
