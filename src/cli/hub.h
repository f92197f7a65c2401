/* Names of models of the Hugging Face hub, ORG/NAME, and where its own tools keep what they
 * fetched. Nothing is ever fetched here. */
#ifndef CLI_HUB_H
#define CLI_HUB_H

#include <stddef.h>

#include "base/status.h"

#define HUB_PATH ((size_t) 4096)

/* What --model stands for: the path as it is, or the folder of ORG/NAME in the hub's cache
 * ($HF_HUB_CACHE, $HF_HOME/hub, $XDG_CACHE_HOME/huggingface/hub, ~/.cache/huggingface/hub) where
 * there is no file of that name. IO, with the command that fetches it, where there is neither. */
enum vitlrp_status hub_resolve(const char *model, char out[HUB_PATH], struct vitlrp_error *err);

#endif
