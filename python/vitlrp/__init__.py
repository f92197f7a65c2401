"""vitlrp: which pixels made a Vision Transformer decide?

    import vitlrp

    model = vitlrp.Model()  # the small built-in one; or the path of any published ViT checkpoint
    found = model.explain("goldfish.jpg")
    found.heatmap  # float32 (rows, columns)
    found.save("goldfish.heat.png", style="panel")

Relevance by AttnLRP with the gamma rule (Achtibat et al., ICML 2024), and other methods to compare
it with, computed by the C library libvitlrp. It is the one that the environment variable
VITLRP_LIBRARY names, else one beside this package, else the system's.

A Model may be used by any number of threads; calls run in parallel, as C does not hold Python's
lock. Messages of the library go to the logger "vitlrp".
"""

from . import errors
from ._info import Fact, ModelInfo
from ._library import version, words
from .batch import Batch
from .concepts import Concept, Concepts, Reference
from .errors import VitlrpError
from .evaluation import METRICS, Audit, Evaluation, Statistic, Tuning, Under
from .explanation import Class, EditedExplanation, Explanation, LedgerEntry, Prediction
from .image import Geometry, Preprocessing
from .method import Method, Parameters, RuleParameters, methods, read_settings
from .model import Model, file_tensors, prepare_threads
from .neurons import Attention, Block, Neurons, Unit
from .text import Cosines, Token, Word, Words

__version__ = "0.2.0"

__all__ = [
    "METRICS",
    "Attention",
    "Batch",
    "Block",
    "Class",
    "Concept",
    "Concepts",
    "Cosines",
    "EditedExplanation",
    "Evaluation",
    "Explanation",
    "Fact",
    "Geometry",
    "LedgerEntry",
    "Method",
    "Model",
    "ModelInfo",
    "Neurons",
    "Parameters",
    "Prediction",
    "Preprocessing",
    "Reference",
    "RuleParameters",
    "Statistic",
    "Token",
    "Tuning",
    "Under",
    "Unit",
    "VitlrpError",
    "Word",
    "Words",
    "errors",
    "file_tensors",
    "methods",
    "prepare_threads",
    "read_settings",
    "version",
    "words",
]
