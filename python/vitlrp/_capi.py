"""The headers in include for ctypes: their structures and functions, in their order. The words of
enumerations come from the library (_library.words).

tests/python/test_layout.py compares them with the headers and with what the C compiler made of it.
"""

from __future__ import annotations

from ctypes import (
    CFUNCTYPE,
    POINTER,
    Structure,
    c_char,
    c_char_p,
    c_double,
    c_float,
    c_int,
    c_int32,
    c_int64,
    c_size_t,
    c_ubyte,
    c_uint8,
    c_uint32,
    c_uint64,
    c_void_p,
)

# Gammas in a record, used or not.
ROLES_MAX = 16
REPLACEMENTS_MAX = 16

# The flags of enum vitlrp_method_reads.
METHOD_READS = {
    "rules": 1, "head_fusion": 2, "samples": 4, "noise": 8, "seed": 16, "score": 32, "masks": 64
}  # fmt: skip


class ModelPointer(c_void_p):
    """struct vitlrp_model *"""


class TextPointer(c_void_p):
    """struct vitlrp_text *"""


class SessionPointer(c_void_p):
    """struct vitlrp_session *"""


class ImagePointer(c_void_p):
    """struct vitlrp_image *"""


class EvaluationPointer(c_void_p):
    """struct vitlrp_evaluation *"""


class DatasetPointer(c_void_p):
    """struct vitlrp_dataset *"""


LogWrite = CFUNCTYPE(None, c_void_p, c_int, c_char_p)
EvalProgress = CFUNCTYPE(None, c_void_p, c_size_t, c_size_t, c_size_t)
EvalCancelled = CFUNCTYPE(c_int32, c_void_p)
SessionProgress = CFUNCTYPE(None, c_void_p, c_size_t, c_size_t)
SessionCancelled = CFUNCTYPE(c_int32, c_void_p)


class Error(Structure):
    _fields_ = [("status", c_int), ("system_errno", c_int), ("topic", c_int), ("message", c_char * 512)]


class Log(Structure):
    _fields_ = [("write", LogWrite), ("user", c_void_p)]


InputsFile = CFUNCTYPE(c_int, c_void_p, c_char_p, POINTER(Error))


class Inputs(Structure):
    _fields_ = [("file", InputsFile), ("user", c_void_p)]


TensorListTake = CFUNCTYPE(None, c_void_p, c_void_p, c_size_t)


class TensorList(Structure):
    _fields_ = [("take", TensorListTake), ("user", c_void_p)]


class Preprocess(Structure):
    _fields_ = [
        ("resize", c_int),
        ("resize_to", c_int32),
        ("interpolation", c_int),
        ("crop_height", c_int32),
        ("crop_width", c_int32),
        ("mean", c_float * 3),
        ("std", c_float * 3),
        ("resize_width", c_int32),
        ("crop_offset", c_int),
        ("channels", c_int32),
        ("unread_height", c_int32),
        ("unread_width", c_int32),
    ]


class Geometry(Structure):
    _fields_ = [
        ("image_width", c_int32),
        ("image_height", c_int32),
        ("input_width", c_int32),
        ("input_height", c_int32),
        ("left", c_double),
        ("top", c_double),
        ("width", c_double),
        ("height", c_double),
    ]


class Prepared(Structure):
    _fields_ = [
        ("image", ImagePointer),
        ("input", POINTER(c_float)),
        ("geometry", Geometry),
        ("prepare_ms", c_double),
    ]


class ImageLimits(Structure):
    _fields_ = [
        ("max_file_bytes", c_size_t),
        ("max_side", c_int32),
        ("max_pixels", c_int64),
        ("max_codec_bytes", c_size_t),
        ("max_jpeg_scans", c_int32),
        ("max_jpeg_warnings", c_int32),
        ("max_whole_pixels", c_int64),
        ("reserved", c_int64 * 3),
    ]


class ImageOptions(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("ignore_exif", c_int32),
        ("limits", ImageLimits),
        ("max_side", c_int32),
        ("reserved", c_int32),
    ]


class ImageInfo(Structure):
    _fields_ = [
        ("width", c_int32),
        ("height", c_int32),
        ("orientation", c_int32),
        ("format", c_char_p),
        ("rgb", POINTER(c_uint8)),
        ("warning", c_char_p),
        ("full_width", c_int32),
        ("full_height", c_int32),
    ]


class ModelLimits(Structure):
    _fields_ = [
        ("max_bytes", c_uint64),
        ("max_table_bytes", c_size_t),
        ("max_tensors", c_size_t),
        ("max_zip_entries", c_size_t),
        ("max_pickle_opcodes", c_size_t),
        ("max_json_bytes", c_size_t),
        ("max_tokens", c_int64),
        ("max_operations", c_int64),
        ("reserved", c_int64 * 1),
    ]


class ModelOptions(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("heads", c_int32),
        ("labels_path", c_char_p),
        ("log", Log),
        ("limits", ModelLimits),
        ("inputs", Inputs),
        ("weights", c_int),
        ("activation", c_int),
        ("pool", c_int),
        ("probability", c_int),
        ("norm_eps", c_double),
        ("ignore_tensors", c_char_p),
        ("adapter_path", c_char_p),
        ("head_path", c_char_p),
        ("head_activation", c_char_p),
        ("labels", c_char_p),
        ("config", c_char_p),
        ("preprocessor", c_char_p),
        ("facts", c_char_p),
        ("preprocess", POINTER(Preprocess)),
        ("tensors", TensorList),
        ("logit_scale", c_double),
        ("logit_bias", c_double),
    ]


class Tensor(Structure):
    _fields_ = [
        ("name", c_char_p),
        ("type", c_char_p),
        ("shape", POINTER(c_int64)),
        ("rank", c_size_t),
        ("data", c_void_p),
        ("size", c_size_t),
    ]


class ModelInfo(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("name", c_char_p),
        ("layout", c_char_p),
        ("container", c_char_p),
        ("stored_as", c_char_p),
        ("image_height", c_int32),
        ("image_width", c_int32),
        ("patch_height", c_int32),
        ("patch_width", c_int32),
        ("dim", c_int32),
        ("depth", c_int32),
        ("heads", c_int32),
        ("mlp_dim", c_int32),
        ("classes", c_int32),
        ("tokens", c_int32),
        ("layer_norm_eps", c_float),
        ("activation", c_char_p),
        ("parameters", c_int64),
        ("weight_bytes", c_size_t),
        ("facts", c_size_t),
        ("outputs", c_int),
        ("probability", c_int),
        ("kind", c_int),
        ("embed_dim", c_int32),
        ("logit_scale", c_double),
        ("logit_bias", c_double),
        ("text_facts", c_size_t),
    ]


class Fact(Structure):
    _fields_ = [
        ("name", c_char_p),
        ("title", c_char_p),
        ("value", c_char_p),
        ("source", c_int),
        ("origin", c_char_p),
        ("reserved", c_void_p * 2),
    ]


class Class(Structure):
    _fields_ = [
        ("output", c_int32),
        ("index", c_int32),
        ("wnid", c_char_p),
        ("label", c_char_p),
        ("reserved", c_void_p * 2),
    ]


class SessionObserver(Structure):
    _fields_ = [("progress", SessionProgress), ("cancelled", SessionCancelled), ("user", c_void_p)]


class SessionOptions(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("threads", c_int32),
        ("input_height", c_int32),
        ("input_width", c_int32),
        ("keep_all_tokens", c_int32),
        ("backend", c_char_p),
        ("max_bytes", c_size_t),
        ("methods", c_char_p),
        ("attributions", c_int32),
        ("precision", c_int),
        ("passes", c_int64),
        ("observer", SessionObserver),
    ]


class Prompt(Structure):
    _fields_ = [("name", c_char_p), ("text", c_char_p)]


class TokenRows(Structure):
    _fields_ = [
        ("ids", POINTER(c_int32)),
        ("names", POINTER(c_char_p)),
        ("count", c_size_t),
        ("width", c_size_t),
    ]


class TextOptions(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("tokenizer", c_char_p),
        ("cleaning", c_char_p),
        ("heads", c_int32),
        ("activation", c_int),
        ("threads", c_int32),
        ("backend", c_char_p),
        ("log", Log),
        ("inputs", Inputs),
        ("templates", POINTER(c_char_p)),
        ("template_count", c_size_t),
        ("observer", SessionObserver),
        ("journal", c_char_p),
        ("contrast", c_char_p),
        ("keep_tower", c_int32),
        ("tower", c_int),
        ("norm_eps", c_double),
    ]


class TextInfo(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("text", c_char_p),
        ("tokens", c_size_t),
        ("words", c_size_t),
        ("ledger", c_size_t),
    ]


class Token(Structure):
    _fields_ = [("id", c_int32), ("word", c_int32), ("piece", c_char_p)]


class Word(Structure):
    _fields_ = [("text", c_char_p), ("first", c_int32), ("tokens", c_int32), ("is_special", c_int32)]


class SessionInfo(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("threads", c_int32),
        ("input_height", c_int32),
        ("input_width", c_int32),
        ("grid_height", c_int32),
        ("grid_width", c_int32),
        ("tokens", c_int32),
        ("backend", c_char_p),
        ("instruction_set", c_char_p),
        ("bytes", c_size_t),
        ("precision", c_int),
        ("arranged_bytes", c_size_t),
    ]


class Rules(Structure):
    _fields_ = [
        ("attention", c_int),
        ("gamma", c_float * ROLES_MAX),
        ("epsilon", c_float),
        ("attention_share", c_float),
    ]


class Target(Structure):
    _fields_ = [("output", c_int32), ("weight", c_float)]


class LedgerEntry(Structure):
    _fields_ = [("block", c_int32), ("kind", c_char_p), ("absorbed", c_double)]


class TextRelevance(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("tokens", POINTER(c_float)),
        ("words", POINTER(c_float)),
        ("ledger", POINTER(LedgerEntry)),
        ("explained", c_double),
        ("sum", c_double),
    ]


class Relevance(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("pixels", POINTER(c_float)),
        ("patches", POINTER(c_float)),
        ("neurons", POINTER(c_float)),
        ("neurons_block", c_int32),
        ("ledger", POINTER(LedgerEntry)),
        ("explained", c_double),
        ("sum", c_double),
    ]


class Unit(Structure):
    _fields_ = [("site", c_int), ("block", c_int32), ("index", c_int32)]


class Edit(Structure):
    _fields_ = [("unit", Unit), ("factor", c_float), ("constant", POINTER(c_float))]


class UnitList(Structure):
    _fields_ = [("units", POINTER(Unit)), ("count", c_size_t)]


class ConceptsPointer(c_void_p):
    """struct vitlrp_concepts *"""


class ConceptsInfo(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("site", c_int),
        ("blocks", c_int32),
        ("width", c_int32),
        ("parts", c_int32),
        ("keep", c_int32),
        ("images", c_size_t),
        ("total", c_size_t),
        ("folder", c_char_p),
        ("dataset", c_char_p),
        ("method", c_char_p),
        ("statistic", c_char_p),
        ("weights_sha256", c_char_p),
        ("kinds", c_uint32),
        ("classes", c_int32),
    ]


class ConceptReference(Structure):
    _fields_ = [
        ("score", c_float),
        ("image", c_uint32),
        ("token", c_int32),
        ("target", c_int32),
        ("label", c_char_p),
        ("id", c_char_p),
        ("path", c_char_p),
        ("sha256", c_char_p),
        ("reserved", c_void_p * 2),
    ]


class ConceptsBuilderPointer(c_void_p):
    """struct vitlrp_concepts_builder *"""


class UnitValues(Structure):
    _fields_ = [
        ("site", c_int),
        ("baseline", POINTER(c_float)),
        ("relevance", POINTER(c_float)),
        ("relevance_max", POINTER(c_float)),
        ("relevance_token", POINTER(c_int32)),
        ("activation", POINTER(c_float)),
        ("activation_max", POINTER(c_float)),
        ("activation_token", POINTER(c_int32)),
        ("activation_mean", POINTER(c_float)),
        ("column_mean", POINTER(c_float)),
        ("reserved", c_void_p * 2),
    ]


class BlockFlow(Structure):
    _fields_ = [
        ("entering", c_double),
        ("heads", c_double),
        ("attention_branch", c_double),
        ("attention_shortcut", c_double),
        ("mlp_hidden", c_double),
        ("mlp_branch", c_double),
        ("mlp_shortcut", c_double),
        ("leaving", c_double),
        ("reserved", c_double * 2),
    ]


class ConceptsImage(Structure):
    _fields_ = [
        ("place", c_size_t),
        ("sha256", c_char_p),
        ("status", c_int),
        ("message", c_char_p),
        ("warning", c_char_p),
        ("target", c_int32),
        ("predicted", c_int32),
        ("probability", c_double),
        ("predicted_probability", c_double),
        ("logit", c_float),
        ("units", POINTER(UnitValues)),
        ("flow", POINTER(BlockFlow)),
        ("reserved", c_void_p * 2),
    ]


class Inside(Structure):
    _fields_ = [
        ("relevance", POINTER(Relevance)),
        ("units", POINTER(UnitValues)),
        ("unit_sites", c_size_t),
        ("flow", POINTER(BlockFlow)),
        ("tokens", POINTER(c_float)),
        ("reserved", c_void_p * 2),
    ]


class UnitGroup(Structure):
    _fields_ = [
        ("site", c_int),
        ("block", c_int32),
        ("indices", POINTER(c_int32)),
        ("count", c_size_t),
        ("pixels", POINTER(c_float)),
        ("patches", POINTER(c_float)),
        ("relevance", c_double),
        ("sum", c_double),
        ("reserved", c_void_p * 2),
    ]


class Conditional(Structure):
    _fields_ = [
        ("seed", c_int),
        ("groups", POINTER(UnitGroup)),
        ("group_count", c_size_t),
        ("reserved", c_void_p * 2),
    ]


class MethodInfo(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("name", c_char_p),
        ("summary", c_char_p),
        ("has_pixels", c_int32),
        ("has_ledger", c_int32),
        ("ignores_class", c_int32),
        ("reads", c_uint32),
        ("kind", c_int),
        ("unit", c_char_p),
        ("relevance", c_char_p),
    ]


class MethodOptions(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("method", c_char_p),
        ("rules", Rules),
        ("head_fusion", c_int),
        ("discard_ratio", c_double),
        ("samples", c_int32),
        ("noise", c_double),
        ("seed", c_uint64),
        ("score", c_int),
        ("masks", c_int),
    ]


class RenderOptions(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("style", c_int),
        ("colormap", c_char_p),
        ("upsample", c_int),
        ("opacity", c_float),
        ("scale", c_float),
        ("format", c_int),
        ("caption", c_char_p),
        ("comment", c_char_p),
        ("kind", c_int),
        ("range_low", c_float),
        ("range_high", c_float),
        ("underlay", c_int),
        ("contours", c_int32),
        ("top_percent", c_float),
        ("top_as", c_int),
        ("unit", c_char_p),
    ]


class Likely(Structure):
    _fields_ = [
        ("found", Class),
        ("logit", c_double),
        ("probability", c_double),
        ("reserved", c_void_p * 2),
    ]


class Caption(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("target", Likely),
        ("versus", Likely),
        ("has_versus", c_int32),
        ("has_sums", c_int32),
        ("model", c_char_p),
        ("method", c_char_p),
        ("unit", c_char_p),
        ("explained", c_double),
        ("sum", c_double),
        ("top_percent", c_double),
    ]


class Map(Structure):
    _fields_ = [
        ("values", POINTER(c_float)),
        ("height", c_int32),
        ("width", c_int32),
        ("geometry", POINTER(Geometry)),
    ]


class RuleChanges(Structure):
    _fields_ = [("gamma", c_float * ROLES_MAX), ("epsilon", c_float), ("attention_share", c_float)]


class Statistic(Structure):
    _fields_ = [("mean", c_double), ("lo", c_double), ("hi", c_double), ("n", c_size_t)]


class EvalMaps(Structure):
    _fields_ = [("name", c_char_p), ("folder", c_char_p)]


class EvalObserver(Structure):
    _fields_ = [("progress", EvalProgress), ("cancelled", EvalCancelled), ("user", c_void_p)]


# What settings a newer library adds at its end, _settings.EvalOptions has too.
class EvalOptions(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("dataset", c_char_p),
        ("truth", c_char_p),
        ("boxes", c_char_p),
        ("limit", c_size_t),
        ("shard", c_int32),
        ("shards", c_int32),
        ("methods", POINTER(c_char_p)),
        ("method_count", c_size_t),
        ("reference", c_char_p),
        ("rules", POINTER(RuleChanges)),
        ("steps", c_int32),
        ("replacements", c_uint32),
        ("target", c_int),
        ("seed", c_uint64),
        ("preprocess", POINTER(Preprocess)),
        ("ignore_exif", c_int32),
        ("image_limits", ImageLimits),
        ("threads", c_int32),
        ("backend", c_char_p),
        ("observer", EvalObserver),
        ("log", Log),
        ("precision", c_int),
        ("max_bytes", c_size_t),
        ("inputs", Inputs),
        ("journal", c_char_p),
        ("maps", POINTER(EvalMaps)),
        ("map_count", c_size_t),
        ("score", c_int),
        ("masks", c_int),
        ("coalitions", c_int32),
        ("retry_failed", c_int32),
        ("truth_masks", c_char_p),
        ("regions", c_int32),
        ("units", c_int),
        ("first_block", c_int32),
        ("block_count", c_int32),
        ("each_block", c_int32),
        ("samples", c_int32),
        ("single", c_int32),
        ("reserved", c_int32),
        ("concepts", ConceptsPointer),
        ("run", c_char_p),
        ("randomized", c_int32),
        ("sensitivity", c_int32),
    ]


class ConceptsOptions(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("site", c_int),
        ("keep", c_int32),
        ("ignore_exif", c_int32),
        ("statistic", c_char_p),
        ("dataset", DatasetPointer),
        ("session", SessionPointer),
        ("method", POINTER(MethodOptions)),
        ("preprocess", POINTER(Preprocess)),
        ("kinds", c_uint32),
        ("class_sums", c_int32),
    ]


class DatasetOptions(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("path", c_char_p),
        ("truth", c_char_p),
        ("target", c_int),
        ("limit", c_size_t),
        ("shard", c_int32),
        ("shards", c_int32),
        ("inputs", Inputs),
    ]


class DatasetInfo(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("images", c_size_t),
        ("manifest", c_size_t),
        ("found", c_size_t),
        ("skipped", c_size_t),
        ("sha256", c_char_p),
        ("unread", c_size_t),
        ("first_unread", c_char_p),
        ("truth_sha256", c_char_p),
        ("content_sha256", c_char_p),
        ("own_pictures", c_size_t),
        ("not_read", c_size_t),
        ("not_read_kinds", c_char_p),
        ("silent_truth", c_char_p),
    ]


class DatasetImage(Structure):
    _fields_ = [
        ("path", c_char_p),
        ("id", c_char_p),
        ("index", c_size_t),
        ("label", c_int32),
        ("reserved", c_int32 * 3),
    ]


class TuneTrial(Structure):
    _fields_ = [("stage", c_char_p), ("kind", c_char_p), ("rules", Rules), ("delta", Statistic), ("gain", c_double)]


TuneTried = CFUNCTYPE(None, c_void_p, POINTER(TuneTrial))


class TuneOptions(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("evaluation", POINTER(EvalOptions)),
        ("tried", TuneTried),
        ("user", c_void_p),
    ]


class TuneGain(Structure):
    _fields_ = [
        ("replacement", c_int),
        ("calibration_preset", Statistic),
        ("calibration_tuned", Statistic),
        ("preset", Statistic),
        ("tuned", Statistic),
        ("gain", Statistic),
    ]


class TuneResult(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("method", c_char_p),
        ("rules", Rules),
        ("trials", c_size_t),
        ("calibration_images", c_size_t),
        ("held_out_images", c_size_t),
        ("calibration_preset", Statistic),
        ("calibration_tuned", Statistic),
        ("preset", Statistic),
        ("tuned", Statistic),
        ("gain", Statistic),
        ("manifest_sha256", c_char * 72),
        ("truth_sha256", c_char * 72),
        ("calibration_sha256", c_char * 72),
        ("held_out_sha256", c_char * 72),
        ("replacements", TuneGain * REPLACEMENTS_MAX),
        ("replacement_count", c_size_t),
    ]


class EvalSetting(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("name", c_char_p),
        ("enumeration", c_char_p),
        ("low", c_int64),
        ("high", c_int64),
        ("offset", c_size_t),
        ("size", c_size_t),
        ("field", c_char_p),
        ("is_set", c_int32),
        ("reserved", c_int32),
    ]


class EvaluationInfo(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("images", c_size_t),
        ("failed", c_size_t),
        ("manifest", c_size_t),
        ("skipped", c_size_t),
        ("methods", c_size_t),
        ("shard", c_int32),
        ("shards", c_int32),
        ("cancelled", c_int32),
        ("first_failed", c_char_p),
        ("first_error", c_char_p),
        ("reference", c_char_p),
        ("precision", c_int),
        ("audited", c_size_t),
    ]


class Audit(Structure):
    _fields_ = [
        ("mean", c_double),
        ("mean_abs", c_double),
        ("max_abs", c_double),
        ("per_half_width", c_double),
        ("n", c_size_t),
    ]


class MetricQuery(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("method", c_char_p),
        ("metric", c_char_p),
        ("replacement", c_int32),
        ("block", c_int32),
        ("statistic", Statistic),
        ("audit", Audit),
        ("rank", c_size_t),
    ]


_text_out = (POINTER(c_void_p), POINTER(c_size_t), POINTER(Error))
_report = (c_int, (EvaluationPointer, *_text_out))

# Result and parameters of every function that is used.
FUNCTIONS = {
    "vitlrp_version": (c_char_p, ()),
    "vitlrp_word": (c_char_p, (c_char_p, c_int32)),
    "vitlrp_free": (None, (c_void_p,)),
    "vitlrp_image_options_init_sized": (None, (POINTER(ImageOptions), c_size_t)),
    "vitlrp_image_open": (
        c_int,
        (c_char_p, POINTER(ImageOptions), POINTER(ImagePointer), POINTER(Error)),
    ),
    "vitlrp_image_open_memory": (
        c_int,
        (c_void_p, c_size_t, POINTER(ImageOptions), POINTER(ImagePointer), POINTER(Error)),
    ),
    "vitlrp_image_open_prepared": (
        c_int,
        (
            c_void_p,
            c_size_t,
            POINTER(ImageOptions),
            POINTER(Preprocess),
            POINTER(Prepared),
            POINTER(Error),
        ),
    ),
    "vitlrp_image_open_prepared_file": (
        c_int,
        (
            c_char_p,
            POINTER(ImageOptions),
            POINTER(Preprocess),
            c_char_p,
            POINTER(Prepared),
            POINTER(Error),
        ),
    ),
    "vitlrp_image_from_rgb": (
        c_int,
        (POINTER(c_uint8), c_int32, c_int32, POINTER(ImagePointer), POINTER(Error)),
    ),
    "vitlrp_image_from_input": (
        c_int,
        (
            POINTER(c_float),
            c_int32,
            c_int32,
            POINTER(Preprocess),
            POINTER(ImagePointer),
            POINTER(Error),
        ),
    ),
    "vitlrp_image_close": (None, (ImagePointer,)),
    "vitlrp_image_describe": (None, (ImagePointer, POINTER(ImageInfo))),
    "vitlrp_preprocess_plan": (
        c_int,
        (POINTER(Preprocess), c_int32, c_int32, POINTER(Geometry), POINTER(Error)),
    ),
    "vitlrp_preprocess_apply": (
        c_int,
        (POINTER(Preprocess), ImagePointer, POINTER(c_float), POINTER(Error)),
    ),
    "vitlrp_model_options_init_sized": (None, (POINTER(ModelOptions), c_size_t)),
    "vitlrp_model_open": (
        c_int,
        (c_char_p, POINTER(ModelOptions), POINTER(ModelPointer), POINTER(Error)),
    ),
    "vitlrp_model_open_memory": (
        c_int,
        (
            c_void_p,
            c_size_t,
            c_char_p,
            POINTER(ModelOptions),
            POINTER(ModelPointer),
            POINTER(Error),
        ),
    ),
    "vitlrp_model_open_tensors": (
        c_int,
        (
            POINTER(Tensor),
            c_size_t,
            c_char_p,
            POINTER(ModelOptions),
            POINTER(ModelPointer),
            POINTER(Error),
        ),
    ),
    "vitlrp_model_open_builtin": (
        c_int,
        (POINTER(ModelOptions), POINTER(ModelPointer), POINTER(Error)),
    ),
    "vitlrp_model_like": (
        c_int,
        (ModelPointer, POINTER(c_float), c_size_t, POINTER(ModelPointer), POINTER(Error)),
    ),
    "vitlrp_text_options_init_sized": (None, (POINTER(TextOptions), c_size_t)),
    "vitlrp_model_text_embeddings": (c_int, (ModelPointer, POINTER(c_float), POINTER(Error))),
    "vitlrp_model_cosines": (
        c_int,
        (ModelPointer, POINTER(c_float), POINTER(c_double), POINTER(c_double), POINTER(Error)),
    ),
    "vitlrp_model_with_token_ids": (
        c_int,
        (
            ModelPointer,
            POINTER(TokenRows),
            POINTER(TextOptions),
            POINTER(ModelPointer),
            POINTER(Error),
        ),
    ),
    "vitlrp_templates": (
        c_int,
        (c_char_p, POINTER(POINTER(c_char_p)), POINTER(c_size_t), POINTER(Error)),
    ),
    "vitlrp_model_with_texts": (
        c_int,
        (
            ModelPointer,
            POINTER(Prompt),
            c_size_t,
            POINTER(TextOptions),
            POINTER(ModelPointer),
            POINTER(Error),
        ),
    ),
    "vitlrp_model_with_embeddings": (
        c_int,
        (
            ModelPointer,
            POINTER(c_float),
            POINTER(c_char_p),
            c_size_t,
            POINTER(ModelPointer),
            POINTER(Error),
        ),
    ),
    "vitlrp_text_open": (
        c_int,
        (ModelPointer, c_int32, POINTER(TextOptions), POINTER(TextPointer), POINTER(Error)),
    ),
    "vitlrp_text_close": (None, (TextPointer,)),
    "vitlrp_text_info_init_sized": (None, (POINTER(TextInfo), c_size_t)),
    "vitlrp_text_describe": (None, (TextPointer, POINTER(TextInfo))),
    "vitlrp_text_token": (c_int, (TextPointer, c_size_t, POINTER(Token), POINTER(Error))),
    "vitlrp_text_word": (c_int, (TextPointer, c_size_t, POINTER(Word), POINTER(Error))),
    "vitlrp_text_relevance_init_sized": (None, (POINTER(TextRelevance), c_size_t)),
    "vitlrp_text_explain": (
        c_int,
        (
            TextPointer,
            POINTER(c_float),
            POINTER(Rules),
            POINTER(TextRelevance),
            POINTER(Error),
        ),
    ),
    "vitlrp_model_with_words": (
        c_int,
        (
            ModelPointer,
            c_int32,
            POINTER(TextOptions),
            POINTER(Rules),
            POINTER(ModelPointer),
            POINTER(Error),
        ),
    ),
    "vitlrp_unit_parse": (c_int, (c_char_p, POINTER(Unit), POINTER(Error))),
    "vitlrp_unit_name": (None, (POINTER(Unit), c_char_p)),
    "vitlrp_model_site_width": (c_int32, (ModelPointer, c_int)),
    "vitlrp_model_check_unit": (c_int, (ModelPointer, POINTER(Unit), POINTER(Error))),
    "vitlrp_model_with_edits": (
        c_int,
        (ModelPointer, POINTER(Edit), c_size_t, POINTER(ModelPointer), POINTER(Error)),
    ),
    "vitlrp_unit_effects": (
        c_int,
        (
            ModelPointer,
            POINTER(SessionOptions),
            POINTER(c_float),
            POINTER(UnitList),
            POINTER(c_float),
            POINTER(Error),
        ),
    ),
    "vitlrp_session_forward_units": (
        c_int,
        (SessionPointer, POINTER(c_float), POINTER(c_float), POINTER(UnitValues), c_size_t, POINTER(Error)),
    ),
    "vitlrp_session_inside": (
        c_int,
        (
            SessionPointer,
            POINTER(Target),
            c_size_t,
            POINTER(MethodOptions),
            POINTER(Inside),
            POINTER(Error),
        ),
    ),
    "vitlrp_session_conditional": (
        c_int,
        (
            SessionPointer,
            POINTER(Target),
            c_size_t,
            POINTER(MethodOptions),
            POINTER(Conditional),
            POINTER(Error),
        ),
    ),
    "vitlrp_concepts_options_init_sized": (None, (POINTER(ConceptsOptions), c_size_t)),
    "vitlrp_concepts_make": (
        c_int,
        (ModelPointer, POINTER(ConceptsOptions), POINTER(ConceptsBuilderPointer), POINTER(Error)),
    ),
    "vitlrp_concepts_builder_close": (None, (ConceptsBuilderPointer,)),
    "vitlrp_concepts_add": (c_int, (ConceptsBuilderPointer, POINTER(ConceptsImage), POINTER(Error))),
    "vitlrp_concepts_write": (c_int, (ConceptsBuilderPointer, c_char_p, POINTER(Error))),
    "vitlrp_concepts_open": (c_int, (c_char_p, POINTER(ConceptsPointer), POINTER(Error))),
    "vitlrp_concepts_close": (None, (ConceptsPointer,)),
    "vitlrp_concepts_info_init_sized": (None, (POINTER(ConceptsInfo), c_size_t)),
    "vitlrp_concepts_describe": (None, (ConceptsPointer, POINTER(ConceptsInfo))),
    "vitlrp_concepts_check_model": (c_int, (ConceptsPointer, ModelPointer, POINTER(Error))),
    "vitlrp_concepts_references": (
        c_int,
        (
            ConceptsPointer,
            POINTER(Unit),
            c_int,
            POINTER(ConceptReference),
            POINTER(c_size_t),
            POINTER(Error),
        ),
    ),
    "vitlrp_concepts_mean": (c_int, (ConceptsPointer, POINTER(Unit), POINTER(c_float), POINTER(Error))),
    "vitlrp_concepts_class_sums": (
        c_int,
        (ConceptsPointer, c_int32, POINTER(c_int64), POINTER(c_size_t), POINTER(Error)),
    ),
    "vitlrp_concepts_means": (c_int, (ConceptsPointer, POINTER(c_float), POINTER(Error))),
    "vitlrp_session_attention": (c_int, (SessionPointer, POINTER(c_float), POINTER(Error))),
    "vitlrp_session_embedding": (c_int, (SessionPointer, POINTER(c_float), POINTER(Error))),
    "vitlrp_model_close": (None, (ModelPointer,)),
    "vitlrp_model_info_init_sized": (None, (POINTER(ModelInfo), c_size_t)),
    "vitlrp_model_describe": (None, (ModelPointer, POINTER(ModelInfo))),
    "vitlrp_model_preprocess": (None, (ModelPointer, POINTER(Preprocess))),
    "vitlrp_model_preprocess_origin": (c_char_p, (ModelPointer,)),
    "vitlrp_model_sha256": (c_int, (ModelPointer, c_char_p, POINTER(Error))),
    "vitlrp_model_configuration": (c_int, (ModelPointer, *_text_out)),
    "vitlrp_model_fact": (c_int, (ModelPointer, c_size_t, POINTER(Fact), POINTER(Error))),
    "vitlrp_model_text_fact": (c_int, (ModelPointer, c_size_t, POINTER(Fact), POINTER(Error))),
    "vitlrp_file_tensors": (c_int, (c_char_p, POINTER(ModelOptions), *_text_out)),
    "vitlrp_model_probabilities": (
        c_int,
        (ModelPointer, POINTER(c_float), POINTER(c_double), POINTER(Error)),
    ),
    "vitlrp_model_class": (c_int, (ModelPointer, c_int32, POINTER(Class), POINTER(Error))),
    "vitlrp_model_find_class": (c_int, (ModelPointer, c_char_p, POINTER(Class), POINTER(Error))),
    "vitlrp_session_options_init_sized": (None, (POINTER(SessionOptions), c_size_t)),
    "vitlrp_prepare_threads": (c_int, (c_char_p, c_int32, POINTER(Error))),
    "vitlrp_session_open": (
        c_int,
        (ModelPointer, POINTER(SessionOptions), POINTER(SessionPointer), POINTER(Error)),
    ),
    "vitlrp_session_close": (None, (SessionPointer,)),
    "vitlrp_session_info_init_sized": (None, (POINTER(SessionInfo), c_size_t)),
    "vitlrp_session_describe": (None, (SessionPointer, POINTER(SessionInfo))),
    "vitlrp_session_forward": (
        c_int,
        (SessionPointer, POINTER(c_float), POINTER(c_float), POINTER(Error)),
    ),
    "vitlrp_relevance_init_sized": (None, (POINTER(Relevance), c_size_t)),
    "vitlrp_ledger_length": (c_size_t, (ModelPointer,)),
    "vitlrp_method_count": (c_size_t, ()),
    "vitlrp_method_name": (c_char_p, (c_size_t,)),
    "vitlrp_method_info_init_sized": (None, (POINTER(MethodInfo), c_size_t)),
    "vitlrp_method_describe": (c_int, (c_char_p, POINTER(MethodInfo), POINTER(Error))),
    "vitlrp_method_options_init_sized": (
        c_int,
        (POINTER(MethodOptions), c_size_t, c_char_p, POINTER(Error)),
    ),
    "vitlrp_colormap_name": (c_char_p, (c_size_t,)),
    "vitlrp_colormap_describe": (c_int, (c_char_p, POINTER(c_int), POINTER(Error))),
    "vitlrp_session_attribute": (
        c_int,
        (
            SessionPointer,
            POINTER(Target),
            c_size_t,
            POINTER(MethodOptions),
            POINTER(Relevance),
            POINTER(Error),
        ),
    ),
    "vitlrp_render_options_init_sized": (None, (POINTER(RenderOptions), c_size_t)),
    "vitlrp_caption_init_sized": (None, (POINTER(Caption), c_size_t)),
    "vitlrp_caption_compose": (c_int, (POINTER(Caption), c_char_p, c_size_t, POINTER(Error))),
    "vitlrp_render": (
        c_int,
        (
            ImagePointer,
            POINTER(Map),
            POINTER(RenderOptions),
            POINTER(POINTER(c_ubyte)),
            POINTER(c_size_t),
            POINTER(Error),
        ),
    ),
    "vitlrp_rule_changes_init": (None, (POINTER(RuleChanges),)),
    "vitlrp_eval_options_init_sized": (None, (POINTER(EvalOptions), c_size_t)),
    "vitlrp_dataset_options_init_sized": (None, (POINTER(DatasetOptions), c_size_t)),
    "vitlrp_dataset_open": (
        c_int,
        (ModelPointer, POINTER(DatasetOptions), POINTER(DatasetPointer), POINTER(Error)),
    ),
    "vitlrp_dataset_close": (None, (DatasetPointer,)),
    "vitlrp_dataset_info_init_sized": (None, (POINTER(DatasetInfo), c_size_t)),
    "vitlrp_dataset_describe": (None, (DatasetPointer, POINTER(DatasetInfo))),
    "vitlrp_dataset_image_at": (
        c_int,
        (DatasetPointer, c_size_t, POINTER(DatasetImage), POINTER(Error)),
    ),
    "vitlrp_eval_setting_init_sized": (None, (POINTER(EvalSetting), c_size_t)),
    "vitlrp_eval_setting_at": (c_int, (c_size_t, POINTER(EvalSetting), POINTER(Error))),
    "vitlrp_evaluate": (
        c_int,
        (ModelPointer, POINTER(EvalOptions), POINTER(EvaluationPointer), POINTER(Error)),
    ),
    "vitlrp_tune_options_init_sized": (None, (POINTER(TuneOptions), c_size_t)),
    "vitlrp_tune_result_init_sized": (None, (POINTER(TuneResult), c_size_t)),
    "vitlrp_tune": (
        c_int,
        (ModelPointer, POINTER(TuneOptions), POINTER(TuneResult), POINTER(Error)),
    ),
    "vitlrp_evaluation_read": (
        c_int,
        (c_void_p, c_size_t, POINTER(EvaluationPointer), POINTER(Error)),
    ),
    "vitlrp_evaluation_open": (
        c_int,
        (POINTER(c_char_p), c_size_t, POINTER(EvaluationPointer), POINTER(Error)),
    ),
    "vitlrp_evaluation_merge": (
        c_int,
        (POINTER(EvaluationPointer), c_size_t, POINTER(EvaluationPointer), POINTER(Error)),
    ),
    "vitlrp_evaluation_close": (None, (EvaluationPointer,)),
    "vitlrp_evaluation_info_init_sized": (None, (POINTER(EvaluationInfo), c_size_t)),
    "vitlrp_evaluation_describe": (None, (EvaluationPointer, POINTER(EvaluationInfo))),
    "vitlrp_evaluation_setting": (
        c_int,
        (EvaluationPointer, c_char_p, POINTER(c_int64), POINTER(Error)),
    ),
    "vitlrp_evaluation_method": (c_char_p, (EvaluationPointer, c_size_t)),
    "vitlrp_evaluation_metric": (
        c_int,
        (EvaluationPointer, c_char_p, c_char_p, POINTER(Statistic), POINTER(Error)),
    ),
    "vitlrp_metric_query_init_sized": (None, (POINTER(MetricQuery), c_size_t)),
    "vitlrp_evaluation_query": (c_int, (EvaluationPointer, POINTER(MetricQuery), POINTER(Error))),
    "vitlrp_evaluation_audit": (
        c_int,
        (EvaluationPointer, c_char_p, c_char_p, POINTER(Audit), POINTER(Error)),
    ),
    "vitlrp_evaluation_json": _report,
    "vitlrp_evaluation_csv": _report,
    "vitlrp_evaluation_html": _report,
    "vitlrp_evaluation_table": _report,
}
